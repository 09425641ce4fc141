"""Which bytes a scenario's cache files hold: `data/metadata/<cache>/<scenario>.json`.

A file's key says what it was made from, its index what it is: an array that was exchanged for
another under the same key shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from slora_assets.caches.shards import InShard
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    BaseIdentity,
    CachedFile,
    CacheIndex,
    CacheName,
    ShardedArray,
)
from slora_assets.provenance import StatCache, sha256_file, write_json
from slora_assets.provenance.ledger import put_on_record, refuse_changed
from slora_assets.provenance.records import read_document

_REMEDY: Final = "run `make preprocess`"


def write_index(
    workspace: Workspace,
    name: CacheName,
    scenario: str,
    files: Mapping[str, Path | InShard],
    base: BaseIdentity,
) -> None:
    """List the arrays that are there, by clip or prompt, and put the list on record. A file that
    hasn't changed since it was listed is not read again."""
    index = workspace.cache_index(name, scenario)
    hashes: StatCache[str] = StatCache(index.with_name(f".{index.stem}_stat_cache.json"))
    listed = {}
    for key, there in files.items():
        file = there.path if isinstance(there, InShard) else there
        path = workspace.relative(file)
        sha256 = hashes.get(file, path)
        if sha256 is None:
            if not file.is_file():
                continue
            sha256 = sha256_file(file)
            hashes.put(file, path, sha256)
        listed[key] = (
            ShardedArray(path=path, sha256=sha256, entry=there.entry, array_sha256=there.sha256)
            if isinstance(there, InShard)
            else CachedFile(path=path, sha256=sha256)
        )
    hashes.save()
    document = CacheIndex(cache=name, scenario=scenario, base=base, files=listed)
    write_json(index, document.model_dump(mode="json"))
    put_on_record(workspace, name, index, parents=[workspace.manifest(scenario)])


@dataclass(frozen=True)
class Recorded:
    """What the indexes list, of all scenarios."""

    files: dict[Path, str] = field(default_factory=dict)
    """Hashes by file, shards among them."""
    arrays: dict[Path, InShard] = field(default_factory=dict)
    """What stands in shards, by the files that the arrays would have."""


def recorded_hashes(workspace: Workspace) -> dict[Path, str]:
    """By file what the indexes list. Raises as `recorded` does."""
    return recorded(workspace).files


def recorded(workspace: Workspace) -> Recorded:
    """Read all indexes. Raises IntegrityError for one that was changed since it was written."""
    found = Recorded()
    for name in get_args(CacheName):
        for index in sorted(workspace.cache_index(name, "any").parent.glob("[!.]*.json")):
            refuse_changed(workspace, index, remedy=_REMEDY)
            document = read_document(
                index, CacheIndex, what="an index of cache files", remedy=_REMEDY
            )
            for one in document.files.values():
                path = workspace.absolute(one.path)
                found.files[path] = one.sha256
                if isinstance(one, ShardedArray):
                    there = InShard(path, one.entry, one.array_sha256)
                    found.arrays[there.own_file] = there
    return found
