"""The curation stage: annotations and inventory in; metadata, manifests and a report out."""

from __future__ import annotations

import filecmp
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import (
    Clip,
    ScenarioMetadata,
    dataset_hash,
    read_metadata,
)
from slora_assets.curation.readers import read_annotations
from slora_assets.curation.report import report
from slora_assets.curation.sorting import OnRejects, build_metadata
from slora_assets.footage.inventory import (
    Inventory,
    annotation_sources,
    split_files,
    take_inventory,
)
from slora_assets.provenance.files import commit_folder, write_json, write_text
from slora_assets.provenance.stat_cache import file_stamp


def curate(
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    inventory: Inventory,
    workspace: Workspace,
) -> ScenarioMetadata:
    """Write `data/metadata/scenario_metadata.json`, the report and all rejects beside it."""
    with _rejects_folder(workspace.metadata / "rejects") as write_rejects:
        batches = _annotations(dataset, workspace)
        metadata = build_metadata(dataset, scenarios, batches, inventory, workspace, write_rejects)
    write_json(workspace.scenario_metadata, metadata.model_dump(mode="json"))
    write_text(report_file(workspace), report(metadata))
    return metadata


def report_file(workspace: Workspace) -> Path:
    """Where `curate` leaves its report, in Markdown."""
    return workspace.metadata / "curation_report.md"


def preview(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> ScenarioMetadata:
    """What `curate` would say of the footage as it stands now, without writing the document.

    New files are hashed and probed once; the inventory keeps that for the run that follows.
    """
    inventory = take_inventory(dataset, workspace)
    batches = _annotations(dataset, workspace)
    return build_metadata(dataset, scenarios, batches, inventory, workspace)


def _annotations(dataset: DatasetSettings, workspace: Workspace) -> Iterator[pl.DataFrame]:
    sources, splits = annotation_sources(dataset, workspace), split_files(dataset, workspace)
    return read_annotations(dataset, sources, splits)


@contextmanager
def _rejects_folder(folder: Path) -> Iterator[OnRejects]:
    """Every clip that no scenario gets, as Parquet in parts: `id`, `reason`, `detail`."""
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    partial.mkdir(parents=True)
    parts = count()
    try:
        yield lambda table: table.write_parquet(partial / f"{next(parts):05d}.parquet")
        if not _equal(partial, folder):
            commit_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _equal(folder: Path, other: Path) -> bool:
    """Whether two flat folders hold the same files."""
    names = sorted(path.name for path in folder.iterdir())
    if not other.is_dir() or names != sorted(path.name for path in other.iterdir()):
        return False
    return not any(filecmp.cmpfiles(folder, other, names, shallow=False)[1:])


def scenario_manifest(workspace: Workspace, scenario: str) -> tuple[list[Clip], str]:
    """What `scenario_clips` says, written to `data/metadata/manifests/<scenario>.json`."""
    clips, digest = scenario_clips(workspace, scenario)
    write_json(
        workspace.metadata / "manifests" / f"{scenario}.json",
        {
            "schema_version": 1,
            "scenario": scenario,
            "dataset_hash": digest,
            "clips": [clip.identity() for clip in clips],
        },
    )
    return clips, digest


def scenario_clips(workspace: Workspace, scenario: str) -> tuple[list[Clip], str]:
    """A scenario's clips and the hash that everything downstream of the scenario hangs on.

    Raises CurationError when the scenario has fewer clips than its minimum; other scenarios are not
    touched by that.
    """
    stamp = file_stamp(workspace.scenario_metadata)
    clips, digest = _scenario_clips(workspace.scenario_metadata, stamp, scenario)
    return list(clips), digest


@lru_cache(maxsize=64)
def _scenario_clips(
    file: Path, stamp: tuple[int, ...], scenario: str
) -> tuple[tuple[Clip, ...], str]:
    """One answer for all assets and checks of a scenario, as long as the file is the same."""
    clips = eligible_clips(_document(file, stamp), scenario, file)
    return tuple(clips), dataset_hash(clips)


@lru_cache(maxsize=1)
def _document(file: Path, stamp: tuple[int, ...]) -> ScenarioMetadata:
    """The document as it stood at `stamp`, read once for all scenarios."""
    return read_metadata(file)


def eligible_clips(metadata: ScenarioMetadata, scenario: str, file: Path) -> list[Clip]:
    """The clips of a scenario that reaches its minimum counts. Raises CurationError otherwise."""
    entry = metadata.scenarios.get(scenario)
    if entry is None:
        raise CurationError(
            "no such scenario", file=file, found=scenario, expected=str([*metadata.scenarios]),
            remedy="correct the name, or run `make data` after a change of the scenarios",
        )  # fmt: skip
    if entry.shortfall:
        raise CurationError(
            f"the scenario has too few clips: {entry.shortfall}"
            f" ({entry.matched} matched, {entry.missing} missing, {entry.unusable} unusable,"
            f" {entry.test} kept for testing)",
            file=file,
            key=f"scenarios.{scenario}",
            remedy="add footage, widen the keywords, or lower the minimum in the scenarios' YAML",
        )
    return metadata.of_scenario(scenario)
