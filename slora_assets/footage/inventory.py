"""What footage is there: each file's hash and probe, and the hash over all of them.

Hashing and probing are done once a file: a stat cache (size, modification time) says which files
are new. The cache is a convenience beside the inventory, never part of what is hashed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import CurationError, FootageError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.decode import DECODE_VERSION, probe
from slora_assets.footage.isolation import isolated
from slora_assets.footage.quality import QUALITY_VERSION, measure
from slora_assets.footage.quarantine import QuarantinedClip, quarantine
from slora_assets.provenance.files import write_json
from slora_assets.provenance.hashing import object_hash, sha256_file
from slora_assets.provenance.stat_cache import StatCache

SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".mov", ".avi", ".mpg", ".mpeg", ".ogv", ".m4v"})

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class FootageFile(BaseModel):
    """A usable video file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    bytes_: int
    width: int
    height: int
    fps: float
    duration_s: float | None
    codec: str
    hdr: str | None = None
    cuts: int | None = None
    motion: float | None = None
    fingerprint: str | None = None
    """The last three: see `quality.measure`; None where the dataset asks for no measure."""


class Inventory(BaseModel):
    """The footage of a dataset: usable files by clip id, and those that are not usable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = 1
    dataset: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""
    files: dict[str, FootageFile]
    rejects: list[QuarantinedClip]

    def hash(self) -> str:
        """Hash over annotations, files and rejects."""
        return object_hash(self.model_dump(mode="json"))


def annotation_sources(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """The annotation files, or folders of them. Raises MissingInputError for an absent one."""
    return _existing(dataset, workspace, dataset.annotations, "annotations")


def split_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, list[Path]]:
    """Files that say which split a clip is in. Raises MissingInputError for an absent one."""
    return {
        split: _existing(dataset, workspace, names, f"official_splits.{split}")
        for split, names in dataset.official_splits.items()
    }


def annotation_files(dataset: DatasetSettings, workspace: Workspace) -> list[Path]:
    """All files that annotations are read from. Raises MissingInputError for an absent one."""
    files: list[Path] = []
    for source in annotation_sources(dataset, workspace):
        if source.is_dir():
            files += sorted([*source.glob("*.txt"), *source.glob("*.json")])
        else:
            files.append(source)
    return files + [file for found in split_files(dataset, workspace).values() for file in found]


def _existing(
    dataset: DatasetSettings, workspace: Workspace, names: list[str], key: str
) -> list[Path]:
    paths = [workspace.root / name for name in names]
    for path in paths:
        if not path.exists():
            raise MissingInputError(
                "the annotation file does not exist",
                file=path,
                key=key,
                remedy="run `make data`" if dataset.obtain else "provide the file",
            )
    return paths


def footage_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, Path]:
    """Video files by clip id (the file's stem), sorted. Raises MissingInputError, CurationError."""
    folder = workspace.root / dataset.footage
    if not folder.is_dir():
        raise MissingInputError(
            "the footage folder does not exist",
            file=folder,
            key="footage",
            remedy="run `make data`" if dataset.obtain else "provide the folder",
        )
    found: dict[str, Path] = {}
    with os.scandir(folder) as entries:  # knows what is a file without asking for each
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_file())
    for name in names:
        stem, _, ending = name.rpartition(".")
        if stem and f".{ending.lower()}" in SUFFIXES:
            if stem in found:
                raise CurationError(
                    "two files hold one clip",
                    file=folder,
                    key=stem,
                    found=[found[stem].name, name],
                    remedy="keep one of them",
                )
            found[stem] = folder / name
    return found


def take_inventory(
    dataset: DatasetSettings, workspace: Workspace, progress: Progress | None = None
) -> Inventory:
    """Hash and probe all files; unusable ones go to the quarantine and into `rejects`.

    Writes `data/metadata/footage.json`. Raises CurationError when more files are unusable than the
    dataset's `max_reject_share`.
    """
    files = footage_files(dataset, workspace)
    cache = StatCache(workspace.metadata / ".footage_stat_cache.json")
    measured = dataset.quality.wanted
    known = {clip_id: cache.get(path, _key(path, measured)) for clip_id, path in files.items()}
    new = [clip_id for clip_id in files if known[clip_id] is None]
    found = isolated(_examine, ((files[clip_id], (files[clip_id], measured)) for clip_id in new))
    for done, (clip_id, result) in enumerate(zip(new, found, strict=True), start=1):
        path = files[clip_id]
        known[clip_id] = result if isinstance(result, dict) else _reject(path, result)
        cache.put(path, _key(path, measured), known[clip_id])
        if progress:
            progress(done, len(new))
    cache.save()
    usable: dict[str, FootageFile] = {}
    rejects: list[QuarantinedClip] = []
    for clip_id, facts in known.items():
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
        annotations={f.name: sha256_file(f) for f in annotation_files(dataset, workspace)},
        files=usable,
        rejects=rejects,
    )
    write_json(workspace.metadata / "footage.json", inventory.model_dump(mode="json"))
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
