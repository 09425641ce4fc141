"""Which bytes a scenario's cache files hold: `data/metadata/<cache>/<scenario>.json`.

A file's key says what it was made from, its index what it is: an array that was exchanged for
another under the same key shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity, CachedFile, CacheIndex, CacheName
from slora_assets.provenance import StatCache, sha256_file, write_json
from slora_assets.provenance.ledger import put_on_record


def write_index(
    workspace: Workspace,
    name: CacheName,
    scenario: str,
    files: Mapping[str, Path],
    base: BaseIdentity,
) -> None:
    """List the files that are there, by clip or prompt, and put the list on record. A file that
    hasn't changed since it was listed is not read again."""
    index = workspace.cache_index(name, scenario)
    hashes: StatCache[str] = StatCache(index.with_name(f".{index.stem}_stat_cache.json"))
    listed = {}
    for key, file in files.items():
        path = workspace.relative(file)
        sha256 = hashes.get(file, path)
        if sha256 is None:
            if not file.is_file():
                continue
            sha256 = sha256_file(file)
            hashes.put(file, path, sha256)
        listed[key] = CachedFile(path=path, sha256=sha256)
    hashes.save()
    document = CacheIndex(cache=name, scenario=scenario, base=base, files=listed)
    write_json(index, document.model_dump(mode="json"))
    put_on_record(workspace, name, index, parents=[workspace.manifest(scenario)])
