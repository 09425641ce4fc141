"""Where something came from, as an asset shows it: its record in the ledger, the records that it
was made from with links to their assets, and the licences of an adapter."""

import os
from pathlib import Path
from typing import Any, Final

import dagster as dg

from slora_assets.config.environment import STORE
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.deployment.permission import most_use, parents_of
from slora_assets.documents import LoggedRecord, RunRecord
from slora_assets.provenance.ledger import last_record, last_records

_ASSETS: Final = {
    "footage": "footage",
    "metadata": "scenario_metadata",
    "manifest": "scenario_manifest",
    "first_frames": "first_frames",
    "latents": "latents",
    "prompt_embeddings": "prompt_embeddings",
    "run": "scenario_adapter",
    "verdict": "scenario_validation",
    "sweep": "scale_sweep",
    "registered": "inference_presets",
    "changes": "inference_presets",
}
"""Which asset leaves records of a kind."""
_UNIFIED: Final = {"run": "unified_adapter", "verdict": "unified_validation"}


def on_record(workspace: Workspace, file: Path) -> dict[str, Any]:
    """What the ledger says of a record: its hash, how many files were written with it, and what it
    was made from; and how it went to the store, where there is one."""
    pushed = _pushed(workspace, file)
    entry = last_record(workspace, file)
    if entry is None or entry.sha256 is None:
        return pushed
    known = last_records(workspace)
    parents = [known[path] for path in entry.parents if path in known]
    assets = sorted({asset for one in parents if (asset := _asset(one)) is not None})
    return {
        "record": dg.MetadataValue.path(file),
        "record_sha256": entry.sha256,
        "files on record": len(entry.files),
        "made from": dg.MetadataValue.json(dict(sorted(entry.parents.items()))),
        **{f"from {asset}": dg.MetadataValue.asset(dg.AssetKey(asset)) for asset in assets},
        **pushed,
    }


def _pushed(workspace: Workspace, file: Path) -> dict[str, Any]:
    """What a stage has made goes to the store, where one is named, before the stage is over.
    Raises StoreError, IntegrityError: what it made stands here, and the next run only pushes it."""
    if not os.environ.get(STORE):
        return {}
    from slora_assets.storage.opening import store_from_environment
    from slora_assets.storage.parts import written_parts
    from slora_assets.storage.push import push

    store = store_from_environment()
    done = push(workspace, store, written_parts(workspace, file))
    found = {"store": store.url, "files sent": done.sent, "bytes sent": done.sent_bytes}
    return found if done.commit is None else {**found, "store commit": done.commit}


def licences(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """What an adapter's parents are under, and what that allows it to be used for."""
    parents = parents_of(workspace, folder)
    return {
        "use": most_use(parents),
        "licences": ", ".join(dict.fromkeys(one.licence.id for one in parents)),
        "licence clauses": dg.MetadataValue.md("\n".join(f"- {one.told}" for one in parents)),
    }


def lineage(record: RunRecord) -> dict[str, Any]:
    """How much it was made from, and how to see all of it."""
    sources = {clip.source for clip in record.clips if clip.source is not None}
    return {
        "lineage": dg.MetadataValue.md(
            f"{len(record.clips)} clips of {len(sources)} sources of {record.dataset}:"
            f" `slora lineage {record.best.sha256[:16]}`"
        )
    }


def _asset(entry: LoggedRecord) -> str | None:
    name = _ASSETS.get(entry.kind)
    return _UNIFIED.get(entry.kind, name) if UNIFIED in Path(entry.path).parts else name
