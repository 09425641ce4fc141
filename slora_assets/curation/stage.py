"""The curation stage: annotations and inventory in; metadata, manifests and a report out."""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import (
    Clip,
    ScenarioMetadata,
    build_metadata,
    dataset_hash,
    read_metadata,
)
from slora_assets.curation.readers import read_annotations
from slora_assets.footage.inventory import Inventory, annotation_files, take_inventory
from slora_assets.provenance.files import write_json, write_text


def curate(
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    inventory: Inventory,
    workspace: Workspace,
) -> ScenarioMetadata:
    """Write `data/metadata/scenario_metadata.json` and the report beside it."""
    clips = read_annotations(dataset, annotation_files(dataset, workspace))
    metadata = build_metadata(dataset, scenarios, clips, inventory, workspace)
    write_json(workspace.scenario_metadata, metadata.model_dump(mode="json"))
    write_text(workspace.metadata / "curation_report.md", report(metadata))
    return metadata


def preview(
    dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> ScenarioMetadata:
    """What `curate` would say of the footage as it stands now, without writing the document.

    New files are hashed and probed once; the inventory keeps that for the run that follows.
    """
    inventory = take_inventory(dataset, workspace)
    clips = read_annotations(dataset, annotation_files(dataset, workspace))
    return build_metadata(dataset, scenarios, clips, inventory, workspace)


def scenario_manifest(workspace: Workspace, scenario: str) -> tuple[list[Clip], str]:
    """A scenario's clips and the hash that everything downstream of the scenario hangs on.

    Writes `data/metadata/manifests/<scenario>.json`. Raises CurationError when the scenario has
    fewer clips than its minimum; other scenarios are not touched by that.
    """
    metadata = read_metadata(workspace.scenario_metadata)
    clips = eligible_clips(metadata, scenario, workspace.scenario_metadata)
    digest = dataset_hash(clips)
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


def report(metadata: ScenarioMetadata) -> str:
    """The curation as a person reads it, in Markdown."""
    lines = [
        f"# Curation of {metadata.dataset.name}",
        "",
        f"Licence: {metadata.dataset.licence}. Use: {metadata.dataset.use}.",
        "",
        "| scenario | matched | train | validation | test | missing | unusable | state |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in metadata.scenarios.items():
        state = f"too few: {entry.shortfall}" if entry.shortfall else "ready"
        lines.append(
            f"| {name} | {entry.matched} | {entry.train} | {entry.validation} | {entry.test}"
            f" | {entry.missing} | {entry.unusable} | {state} |"
        )
    reasons: dict[str, int] = {}
    for reject in metadata.rejects:
        reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
    lines += ["", "| reject | clips |", "|---|---|"]
    lines += [f"| {reason} | {count} |" for reason, count in sorted(reasons.items())]
    lines += ["", "One clip of each scenario, and the captions that put it there:", ""]
    for name in metadata.scenarios:
        for clip in metadata.of_scenario(name)[:1]:
            lines.append(
                f"- **{name}** `{clip.id}`: " + "; ".join(clip.evidence.matching_captions[:3])
            )
    return "\n".join(lines) + "\n"
