"""Arrays taken out of shards: what is left is written anew, and the indexes name the new files.

Whatever interrupts it, an index names whole shards: the new one is there before it is named, and
the old one goes last. The same call goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import get_args

from slora_assets.caches.shard_file import Shard, open_shard, write_shard
from slora_assets.caches.shards import FOLDER, shard_files
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import CacheIndex, CacheName, ShardedArray
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.ledger import amend_record
from slora_assets.provenance.records import read_document


def all_shards(folder: Path) -> Iterator[Shard]:
    """The shards below `data/prepared/latents` or `text`; one that can't be read has no arrays.
    Nothing behind a link is looked at."""
    for inside in sorted(folder.glob(f"*/{FOLDER}")):
        if inside.is_symlink() or inside.parent.is_symlink():
            continue
        for path in shard_files(inside.parent):
            try:
                yield open_shard(path)
            except SloraError:
                yield Shard(path, {})


def take_out(workspace: Workspace, gone: Mapping[Path, Collection[str]]) -> None:
    """Take arrays out of their shards, and out of the indexes. Arrays that stay keep their bytes;
    one that isn't what was written goes, too: it is to be encoded again.
    """
    if not gone:
        return
    instead = {path: _without(path, names) for path, names in gone.items()}
    hashes = {new.path: sha256_file(new.path) for new in instead.values() if new is not None}
    for name in get_args(CacheName):
        for file in sorted(workspace.cache_index(name, "any").parent.glob("[!.]*.json")):
            _name_others(workspace, file, instead, hashes)
    for path, new in instead.items():
        if new is None or new.path != path:
            path.unlink(missing_ok=True)


def _without(path: Path, names: Collection[str]) -> Shard | None:
    """The shard that holds what else the one at `path` holds; None where that is nothing."""
    left = {}
    with suppress(SloraError):  # of a torn one nothing is left
        shard = open_shard(path)
        for name in shard.entries.keys() - names:
            with suppress(SloraError):
                left[name] = shard.read(name), shard.entries[name].key
    return open_shard(write_shard(path.parent, left)) if left else None


def _name_others(
    workspace: Workspace,
    file: Path,
    instead: Mapping[Path, Shard | None],
    hashes: Mapping[Path, str],
) -> None:
    """Have an index name the new shards."""
    try:
        index = read_document(file, CacheIndex, what="an index of cache files", remedy="")
    except SloraError:  # nobody can read an array by it, either
        return
    files = {}
    for key, one in index.files.items():
        path = workspace.absolute(one.path)
        if not isinstance(one, ShardedArray) or path not in instead:
            files[key] = one
        elif (new := instead[path]) is not None and one.entry in new.entries:
            changed = {"path": workspace.relative(new.path), "sha256": hashes[new.path]}
            files[key] = one.model_copy(update=changed)
    if files != index.files:
        named = index.model_copy(update={"files": files})
        write_json(file, named.model_dump(mode="json"))
        amend_record(workspace, file)
