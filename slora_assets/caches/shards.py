"""The shards of a folder: which array stands in which, and with which key.

They lie in `shards/` below the folder that would hold a file for each array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final, TypeVar

import numpy as np

from slora_assets.caches.shard_file import ENDING, Array, Key, Shard, open_shard, write_shard
from slora_assets.caches.validity import key_digest, refuse_not_finite, refuse_other_key
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.provenance import StatCache

FOLDER: Final = "shards"
_VERIFIED: Final = ".verified.json"

Somewhere = TypeVar("Somewhere", bound=PurePath)

_Known = dict[str, list[Any]]
"""By array, the digest of its key and its shape."""


@dataclass(frozen=True)
class InShard:
    """Where an array stands."""

    path: Path
    """Of the shard."""
    entry: str
    sha256: str
    """Of the array's bytes."""

    @property
    def own_file(self) -> Path:
        """What the array's own file would be called: by this it is asked for."""
        return own_file(self.path, self.entry)

    def read(self) -> Array:
        """The array. Raises MissingInputError, IntegrityError."""
        return open_shard(self.path).read(self.entry, self.sha256)


def own_file(shard: Somewhere, entry: str) -> Somewhere:
    """What the file of an array in a shard would be called if it had one."""
    return shard.parent.with_name(f"{entry}.npz")


def shard_files(folder: Path) -> list[Path]:
    """The shards of a folder of arrays."""
    return sorted(folder.joinpath(FOLDER).glob(f"[!.]*{ENDING}"))


class Shards:
    """Of one folder. A shard that was read whole and hasn't changed since is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._cache: StatCache[_Known] = StatCache(self._folder / _VERIFIED)
        self._opened: dict[Path, Shard] = {}

    @property
    def any(self) -> bool:
        """Whether there may be shards."""
        return self._folder.is_dir()

    def shape(self, path: Path, key: Key, remedy: str) -> tuple[int, ...]:
        """Shape of the finite array with `key`, by the path of the file that it would have.

        Raises MissingInputError where there is none, IntegrityError for one of another key.
        """
        found = self._standing.get((path.stem, key_digest(key)))
        if found is not None:
            return tuple(self._whole[found][path.stem][1])
        for shard, known in self._whole.items():
            if path.stem in known:
                refuse_other_key(shard, self._open(shard).entry(path.stem).key, key, remedy)
        raise MissingInputError("no shard holds the array", file=path, remedy=remedy)

    def stands(self, path: Path, key: Key) -> bool:
        """Is there a whole array with exactly this key?"""
        return (path.stem, key_digest(key)) in self._standing

    def with_key(self, key: Key) -> InShard | None:
        """An array with this key, whatever it is called."""
        found = self._by_key.get(key_digest(key))
        return None if found is None else self._in_shard(*found)

    def where(self, path: Path, key: Key) -> InShard | None:
        """Where the array with this name and key stands."""
        found = self._standing.get((path.stem, key_digest(key)))
        return None if found is None else self._in_shard(found, path.stem)

    def refuse_unfit(self, path: Path, name: str, array: Array) -> None:
        """Raise IntegrityError for an array that no cache keeps."""
        refuse_not_finite(path, name, array)

    def write(self, arrays: Mapping[str, tuple[Array, Key]]) -> Path:
        """Write a shard."""
        path = write_shard(self._folder, arrays)
        known: _Known = {
            name: [key_digest(key), list(a.shape)] for name, (a, key) in arrays.items()
        }
        self._cache.put(path, path.name, known)
        self._whole[path] = known
        for name, (digest, _) in known.items():
            self._standing.setdefault((name, digest), path)
            self._by_key.setdefault(digest, (path, name))
        return path

    def save(self) -> None:
        """Write what is known; without it shards are read again, nothing else."""
        if self.any:
            self._cache.save()

    @cached_property
    def _whole(self) -> dict[Path, _Known]:
        return dict(self._look())

    @cached_property
    def _standing(self) -> dict[tuple[str, str], Path]:
        found: dict[tuple[str, str], Path] = {}
        for path, known in self._whole.items():
            for name, (digest, _) in known.items():
                found.setdefault((name, digest), path)
        return found

    @cached_property
    def _by_key(self) -> dict[str, tuple[Path, str]]:
        found: dict[str, tuple[Path, str]] = {}
        for (name, digest), path in self._standing.items():
            found.setdefault(digest, (path, name))
        return found

    def _look(self) -> Iterator[tuple[Path, _Known]]:
        for path in shard_files(self._folder.parent):
            known = self._cache.get(path, path.name)
            if known is None:
                known = _read_whole(path)
                self._cache.put(path, path.name, known)
            yield path, known

    def _in_shard(self, path: Path, name: str) -> InShard:
        return InShard(path, name, self._open(path).entry(name).sha256)

    def _open(self, path: Path) -> Shard:
        if path not in self._opened:
            self._opened[path] = open_shard(path)
        return self._opened[path]


def _read_whole(path: Path) -> _Known:
    """The arrays of a shard that are what was written, and finite: a torn file has none."""
    known: _Known = {}
    try:
        shard = open_shard(path)
    except (IntegrityError, MissingInputError):
        return known
    for name, entry in shard.entries.items():
        try:
            if np.isfinite(shard.read(name)).all():
                known[name] = [key_digest(entry.key), list(entry.shape)]
        except (IntegrityError, MissingInputError):
            continue
    return known
