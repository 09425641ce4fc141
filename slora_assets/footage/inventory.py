"""What footage is there: each file's hash and probe, and the hash over all of them.

Hashing and probing are done once for a file: a stat cache (size, modification time) says which
files are new. The cache is a convenience beside the inventory, never part of what is hashed.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import annotation_names, footage_files
from slora_assets.config.errors import CurationError, FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile, Inventory, QuarantinedClip
from slora_assets.footage.decode import probe
from slora_assets.footage.listing import listing_hash, remember_listing
from slora_assets.footage.quality import measure
from slora_assets.footage.quarantine import quarantine
from slora_assets.footage.versions import DECODE_VERSION, QUALITY_VERSION
from slora_assets.processes.isolation import isolated
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance import StatCache, object_hash, sha256_file, write_json


def inventory_hash(inventory: Inventory) -> str:
    """Hash over annotations, files and rejects."""
    return object_hash(inventory.model_dump(mode="json"))


def take_inventory(
    dataset: DatasetSettings, workspace: Workspace, progress: ProgressCallback | None = None
) -> Inventory:
    """Hash and probe all files; unusable ones go to the quarantine and into `rejects`.

    Writes `data/metadata/footage.json`. Raises CurationError when more files are unusable than the
    dataset's `max_reject_share`.
    """
    listing = listing_hash(dataset, workspace)  # before: what changes meanwhile is seen next time
    files = footage_files(dataset, workspace)
    cache: StatCache[dict[str, Any]] = StatCache(workspace.metadata / ".footage_stat_cache.json")
    measured = dataset.quality.wanted
    known = {clip_id: cache.get(path, _key(path, measured)) for clip_id, path in files.items()}
    new = [clip_id for clip_id in files if known[clip_id] is None]
    found = isolated(_examine, ((files[clip_id], (files[clip_id], measured)) for clip_id in new))
    for done, (clip_id, result) in enumerate(zip(new, found, strict=True), start=1):
        path = files[clip_id]
        examined = result if isinstance(result, dict) else _reject(path, result)
        known[clip_id] = examined
        cache.put(path, _key(path, measured), examined)
        if progress:
            progress(done, len(new))
    cache.save()
    usable: dict[str, FootageFile] = {}
    rejects: list[QuarantinedClip] = []
    for clip_id, facts in known.items():
        assert facts is not None, "what wasn't known has been examined"
        facts = facts | {"path": workspace.relative(files[clip_id])}
        if "reason" in facts:
            rejects.append(QuarantinedClip(clip_id=clip_id, stage="footage", **facts))
        else:
            usable[clip_id] = FootageFile(**facts)
    quarantine(workspace.quarantine, rejects)
    if files and len(rejects) / len(files) > dataset.max_reject_share:
        raise CurationError(
            f"{len(rejects)} of {len(files)} files can't be used",
            file=workspace.quarantine,
            key="max_reject_share",
            found=round(len(rejects) / len(files), 3),
            expected=f"at most {dataset.max_reject_share}",
            remedy="repair or remove the listed files, or raise the share in the dataset's YAML",
        )
    inventory = Inventory(
        dataset=dataset.name,
        annotations={
            name: sha256_file(file) for name, file in annotation_names(dataset, workspace).items()
        },
        files=usable,
        rejects=rejects,
    )
    write_json(workspace.footage_inventory, inventory.model_dump(mode="json"))
    remember_listing(workspace, listing)
    return inventory


def _examine(path: Path, measured: bool) -> dict[str, Any]:
    """Hash, probe and perhaps measure one file; runs in a process of its own."""
    facts = {"sha256": sha256_file(path)}
    try:
        more = measure(path) if measured else {}
        return facts | asdict(probe(path)) | {"bytes_": path.stat().st_size} | more
    except FootageError as error:
        return facts | {"reason": error.reason, "detail": error.what}


def _reject(path: Path, error: FootageError) -> dict[str, Any]:
    return {"sha256": sha256_file(path), "reason": error.reason, "detail": error.what}


def _key(path: Path, measured: bool) -> str:
    """A file's entry in the stat cache; another decoder or other measures examine it again."""
    return f"{DECODE_VERSION}.{QUALITY_VERSION if measured else 0} {path}"
