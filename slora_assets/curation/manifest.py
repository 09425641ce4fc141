"""Which clips a scenario may teach: what everything after curation reads of its metadata."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import Clip, ScenarioMetadata, dataset_hash, read_metadata
from slora_assets.provenance.files import write_json
from slora_assets.provenance.stat_cache import file_stamp


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
            "no such scenario",
            file=file,
            found=scenario,
            expected=str([*metadata.scenarios]),
            remedy="correct the name, or run `make data` after a change of the scenarios",
        )
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
