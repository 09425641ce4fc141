"""Arrays read out of shards, in whatever order: each by a read of its own bytes and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cachetools import LRUCache

from slora_assets.caches.shard_file import Array, Key, Shard, open_shard
from slora_assets.caches.shards import InShard
from slora_assets.caches.validity import refuse_other_key
from slora_assets.provenance import file_stamp

_ENTRIES_IN_MEMORY: Final = 100_000
"""Of shards' headers, about 150 MB; the shard unused for longest is opened anew."""


class ShardReader:
    """Keeps headers in memory. An array's bytes are compared when it is first read, and again once
    its shard isn't the file that it was (size, times, inode)."""

    def __init__(self) -> None:
        self._opened: LRUCache[Path, tuple[tuple[int, ...], Shard]] = LRUCache(
            _ENTRIES_IN_MEMORY, lambda opened: max(1, len(opened[1].entries))
        )
        self._compared: dict[InShard, tuple[int, ...]] = {}

    def read(self, there: InShard, key: Key, remedy: str) -> Array:
        """An array that must have `key`. Raises MissingInputError, IntegrityError."""
        stamp = file_stamp(there.path)
        shard = self._shard(there.path, stamp)
        refuse_other_key(there.path, shard.entry(there.entry).key, key, remedy)
        if self._compared.get(there) == stamp:
            return shard.read_unverified(there.entry)
        array = shard.read(there.entry, there.sha256)
        self._compared[there] = stamp
        return array

    def _shard(self, path: Path, stamp: tuple[int, ...]) -> Shard:
        known = self._opened.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        shard = open_shard(path)
        if len(shard.entries) <= _ENTRIES_IN_MEMORY:
            self._opened[path] = stamp, shard
        return shard
