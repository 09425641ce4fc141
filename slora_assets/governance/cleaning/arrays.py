"""Cached arrays that nothing needs: in files of their own, and inside shards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from slora_assets.caches.shard_file import Shard
from slora_assets.caches.shards import own_file
from slora_assets.config.workspace import Workspace
from slora_assets.governance.cleaning.named import Named


@dataclass(frozen=True)
class Arrays:
    """What is in use, held against what is there."""

    workspace: Workspace
    named: Named

    def needed(self, array: Path, held_by: Path) -> bool | None:
        """Whether the array with this file of its own, which `held_by` holds, is in use. Where an
        index lists it, that says which file is read; None where nothing names it."""
        name = self.workspace.relative(array)
        places = self.named.places.get(name)
        if places is not None:
            return self.workspace.relative(held_by) in places
        return True if name in self.named.files else None

    def unneeded(
        self, shards: Iterable[Shard], wanted: Callable[[Path, Path], bool]
    ) -> dict[Path, set[str]]:
        """By shard what is not in use. `wanted`: of an array that nothing names, and its shard."""
        found: dict[Path, set[str]] = {}
        for shard in shards:
            for entry in shard.entries:
                array = own_file(shard.path, entry)
                needed = self.needed(array, shard.path)
                if not (wanted(array, shard.path) if needed is None else needed):
                    found.setdefault(shard.path, set()).add(entry)
        return found


def bytes_of(shard: Shard, entries: Iterable[str]) -> int:
    """Of arrays in a shard."""
    return sum(2 * math.prod(shard.entries[name].shape) for name in entries)
