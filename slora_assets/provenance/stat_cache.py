"""What is known of files that have not changed since: by size and time of modification.

A convenience beside the records, never part of what is hashed: without it everything is read again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from slora_assets.config.errors import NoRoomError
from slora_assets.provenance.files import write_bytes
from slora_assets.provenance.hashing import sha256_file

Value = TypeVar("Value")

_YOUNG_NS: Final = 2_000_000_000
"""A file that was changed so lately may be changed once more within the same tick of the clock that
its times are taken from, and look the same."""


class Stat(Protocol):
    """What a file is known again by, as `os.stat` names it."""

    @property
    def st_size(self) -> int:
        """Bytes."""
        ...

    @property
    def st_mtime_ns(self) -> int:
        """The time of its last change, or what stands for it."""
        ...


class StatCache(Generic[Value]):
    """JSON-like values by file; one holds as long as its file's size and modification time do."""

    def __init__(self, file: Path, *, forget: bool = True) -> None:
        """`forget`: saving drops what was not asked for; not where several stages share a file."""
        self._file, self._forget = file, forget
        # A shared file is read by one stage after the other; others are asked for once.
        self._before = _load(file) if forget else _load_once(file, file_stamp(file))
        self._now: dict[str, Any] = {}

    def get(self, path: Path, key: str, stat: Stat | None = None) -> Value | None:
        """What was put for `path` under `key`, or None if the file has changed or is absent; `stat`
        for whoever has looked already."""
        known = self._before.get(key)
        if known is None:
            return None
        if known["stamp"] != _stamp(path, stat):
            return None
        self._now[key] = known
        value: Value = known["value"]
        return value

    def put(self, path: Path, key: str, value: Value, stat: Stat | None = None) -> None:
        """Remember a value of the file as it is now, or at `stat`."""
        self._now[key] = {"stamp": _stamp(path, stat), "value": value}

    def before(self) -> Iterator[tuple[str, Value]]:
        """All that was known at the beginning, by key, whether it still holds or not."""
        return ((key, known["value"]) for key, known in self._before.items())

    def save(self) -> None:
        """Write what was used or put, and the rest unless it is to be forgotten; nothing where the
        workspace may only be read or is full, as it is read anew then."""
        dropped = self._forget and len(self._now) < len(self._before)
        if not dropped and all(self._before.get(key) is one for key, one in self._now.items()):
            return
        kept = self._now if self._forget else self._before | self._now
        with suppress(OSError, NoRoomError):
            write_bytes(self._file, orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))


def _load(file: Path) -> dict[str, Any]:
    try:
        loaded = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


@lru_cache(maxsize=3)
def _load_once(file: Path, stamp: tuple[int, ...]) -> dict[str, Any]:
    """The file as it stood at `stamp`, to be read only."""
    return _load(file)


def file_stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written again, whoever sets its time back: size, times, inode;
    empty when there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def known_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read once for as long as the file stays as it is, by size,
    times and inode. Raises OSError when it can't be read."""
    stat = path.stat()
    if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < _YOUNG_NS:
        return sha256_file(path)
    return _sha256_at(path, file_stamp(path))


@lru_cache(maxsize=256)
def _sha256_at(path: Path, stamp: tuple[int, ...]) -> str:
    return sha256_file(path)


def _stamp(path: Path, stat: Stat | None) -> list[int]:
    try:
        stat = stat or path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns]
