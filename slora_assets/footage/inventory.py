"""What footage is there: each file's hash and probe, and the hash over all of them.

Hashing and probing are done once a file: a stat cache (size, modification time) says which files
are new. The cache is a convenience beside the inventory, never part of what is hashed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import CurationError, FootageError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.decode import probe
from slora_assets.footage.quarantine import QuarantinedClip, entry, quarantine
from slora_assets.provenance.files import write_json
from slora_assets.provenance.hashing import object_hash, sha256_file

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
                "the annotation file does not exist", file=path, key=key,
                remedy="run `make data`" if dataset.obtain else "provide the file",
            )  # fmt: skip
    return paths


def footage_files(dataset: DatasetSettings, workspace: Workspace) -> dict[str, Path]:
    """Video files by clip id (the file's stem), sorted. Raises MissingInputError, CurationError."""
    folder = workspace.root / dataset.footage
    if not folder.is_dir():
        raise MissingInputError(
            "the footage folder does not exist", file=folder, key="footage",
            remedy="run `make data`" if dataset.obtain else "provide the folder",
        )  # fmt: skip
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                raise CurationError(
                    "two files hold one clip", file=folder, key=path.stem,
                    found=[found[path.stem].name, path.name], remedy="keep one of them",
                )  # fmt: skip
            found[path.stem] = path
    return found


def take_inventory(
    dataset: DatasetSettings, workspace: Workspace, progress: Progress | None = None
) -> Inventory:
    """Hash and probe all files; unusable ones go to the quarantine and into `rejects`.

    Writes `data/metadata/footage.json`. Raises CurationError when more files are unusable than the
    dataset's `max_reject_share`.
    """
    files = footage_files(dataset, workspace)
    cache_file = workspace.metadata / ".footage_stat_cache.json"
    cache = _read_cache(cache_file)
    fresh: dict[str, Any] = {}

    def examine(item: tuple[str, Path]) -> FootageFile | QuarantinedClip:
        clip_id, path = item
        recorded = workspace.relative(path)
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = cache.get(recorded)
        result = known["result"] if known and known["stamp"] == stamp else None
        if result is None:
            result = _examine(clip_id, path, recorded, stat.st_size)
        fresh[recorded] = {"stamp": stamp, "result": result}
        model = QuarantinedClip if "reason" in result else FootageFile
        return model.model_validate(result)

    usable: dict[str, FootageFile] = {}
    rejects: list[QuarantinedClip] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (clip_id, result) in enumerate(
            zip(files, pool.map(examine, files.items()), strict=True), start=1
        ):
            if isinstance(result, QuarantinedClip):
                rejects.append(result)
            else:
                usable[clip_id] = result
            if progress:
                progress(done, len(files))
    quarantine(workspace.quarantine, rejects)
    if fresh != cache:
        write_json(cache_file, fresh)
    if files and len(rejects) / len(files) > dataset.max_reject_share:
        raise CurationError(
            f"{len(rejects)} of {len(files)} files can't be used", file=workspace.quarantine,
            key="max_reject_share", found=round(len(rejects) / len(files), 3),
            expected=f"at most {dataset.max_reject_share}",
            remedy="repair or remove the listed files, or raise the share in the dataset's YAML",
        )  # fmt: skip
    inventory = Inventory(
        dataset=dataset.name,
        annotations={f.name: sha256_file(f) for f in annotation_files(dataset, workspace)},
        files=usable,
        rejects=rejects,
    )
    write_json(workspace.metadata / "footage.json", inventory.model_dump(mode="json"))
    return inventory


def _examine(clip_id: str, path: Path, recorded: str, size: int) -> dict[str, Any]:
    sha256 = sha256_file(path)
    try:
        found = asdict(probe(path))
    except FootageError as error:
        return entry(clip_id, recorded, sha256, error, "footage").model_dump(mode="json")
    return {"path": recorded, "sha256": sha256, "bytes_": size} | found


def _read_cache(path: Path) -> dict[str, Any]:
    import json

    try:
        loaded = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
