"""How a folder keeps its cached arrays: a file each, or many in a shard.

Both are asked by the path that an array's own file has or would have; `validity` decides what
stands in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from slora_assets.caches.shard_file import Array
from slora_assets.caches.shards import InShard, Shards
from slora_assets.caches.validity import Key, Verified, read_array, write_array

_MOST: Final = 4096
"""Arrays in a shard, however small they are: its header is read whole, a few hundred bytes each."""


class ArrayStore(Protocol):
    """Of one folder and one kind of array."""

    def shape(self, path: Path, key: Key, remedy: str) -> tuple[int, ...]:
        """Of the finite array with `key`. Raises MissingInputError, IntegrityError."""

    def stands(self, path: Path, key: Key) -> bool:
        """Is there a whole array with exactly this key?"""

    def adopt(self, wanted: Mapping[Path, Key]) -> set[Path]:
        """Those of the wanted arrays that stand otherwise than asked: under another name, or in
        the other kind of store. They stand as asked afterwards."""

    def put(self, path: Path, array: Array, key: Key) -> None:
        """Keep an array. Raises IntegrityError for one that isn't finite."""

    def flush(self) -> None:
        """Have all that was put on disk."""

    def save(self) -> None:
        """Write what is known of the arrays, so that none is read twice to tell whether it
        stands."""

    def where(self, path: Path, key: Key) -> Path | InShard:
        """What a list of standing arrays says of one."""


def store_of(folder: Path, name: str, shard_mib: int = 0) -> ArrayStore:
    """Of arrays called `name`; in shards of at most so many MiB, or for 0 a file each."""
    return ShardedArrays(folder, name, shard_mib << 20) if shard_mib else ArrayFiles(folder, name)


class ArrayFiles:
    """A file for each array."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._verified = Verified(folder, name)
        self.shape, self.stands = self._verified.shape, self._verified.stands
        self.save = self._verified.save

    def adopt(self, wanted: Mapping[Path, Key]) -> set[Path]:
        """See `ArrayStore`."""
        adopted = self._verified.adopt(wanted)
        lacking = {path: key for path, key in wanted.items() if path not in adopted}
        for path, found in _in_shards(self._folder, lacking).items():
            self.put(path, found.read(), lacking[path])
            adopted.add(path)
        return adopted

    def put(self, path: Path, array: Array, key: Key) -> None:
        """See `ArrayStore`."""
        write_array(path, self._name, array, key)
        self._verified.wrote(path, key, array.shape)

    def flush(self) -> None:
        """See `ArrayStore`."""

    def where(self, path: Path, key: Key) -> Path:
        """See `ArrayStore`."""
        return path


class ShardedArrays:
    """Shards of arrays, filled in the order in which arrays are put: whoever goes on after a kill
    ends with the shards of an undisturbed run."""

    def __init__(self, folder: Path, name: str, shard_bytes: int) -> None:
        self._folder, self._name, self._shard_bytes = folder, name, shard_bytes
        self._shards = Shards(folder)
        self._waiting: dict[str, tuple[Array, Key]] = {}
        self._waiting_bytes = 0
        self.shape, self.stands = self._shards.shape, self._shards.stands
        self.save = self._shards.save

    def adopt(self, wanted: Mapping[Path, Key]) -> set[Path]:
        """See `ArrayStore`."""
        elsewhere = _in_shards(self._folder, wanted)
        files = Verified(self._folder, self._name)
        standing = {path for path in wanted if path.is_file() and files.stands(path, wanted[path])}
        lacking = {p: key for p, key in wanted.items() if p not in elsewhere and p not in standing}
        named_otherwise = files.elsewhere(lacking)
        for path, key in wanted.items():
            if path in elsewhere:
                self.put(path, elsewhere[path].read(), key)
            elif path in standing or path in named_otherwise:
                source = path if path in standing else named_otherwise[path][0]
                self.put(path, read_array(source, self._name, key, ""), key)
        self.flush()
        return {*elsewhere, *standing, *named_otherwise}

    def put(self, path: Path, array: Array, key: Key) -> None:
        """See `ArrayStore`."""
        self._shards.refuse_unfit(path, self._name, array)
        held = self._waiting_bytes
        if self._waiting and (
            held + array.nbytes > self._shard_bytes or len(self._waiting) >= _MOST
        ):
            self.flush()
        self._waiting[path.stem] = array, key
        self._waiting_bytes += array.nbytes

    def flush(self) -> None:
        """See `ArrayStore`."""
        if self._waiting:
            self._shards.write(self._waiting)
            self._waiting, self._waiting_bytes = {}, 0

    def where(self, path: Path, key: Key) -> Path | InShard:
        """See `ArrayStore`. A file's path for what stands nowhere."""
        return self._shards.where(path, key) or path


def _in_shards(folder: Path, wanted: Mapping[Path, Key]) -> dict[Path, InShard]:
    """Those of the wanted arrays that stand in a shard of this folder or of one beside it."""
    if not wanted:
        return {}
    beside = sorted(path for path in folder.parent.glob("*") if path != folder and path.is_dir())
    places = [shards for one in (folder, *beside) if (shards := Shards(one)).any]
    found = {}
    for path, key in wanted.items():
        for shards in places:
            if (there := shards.with_key(key)) is not None:
                found[path] = there
                break
    return found
