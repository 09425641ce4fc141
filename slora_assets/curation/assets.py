"""Dagster's view of curation: the metadata document, and each scenario's manifest."""

import dagster as dg

from slora_assets.assets_common import ON_CHANGED_INPUTS
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.curation.stage import curate, report_file
from slora_assets.footage.inventory import take_inventory
from slora_assets.partitions import SCENARIOS
from slora_assets.provenance.hashing import sha256_file
from slora_assets.resources.project import ProjectResource


@dg.asset(group_name="data", kinds={"json"}, code_version="1", deps=["footage"])
def scenario_metadata(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Which clip belongs to which scenario and split, with which prompts, and why."""
    workspace, (dataset, scenarios) = project.workspace(), project.dataset()
    metadata = curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
    for name, entry in metadata.scenarios.items():
        state = f"too few: {entry.shortfall}" if entry.shortfall else "ready"
        context.log.info(
            f"{name}: {entry.train} train, {entry.validation} validation, {entry.missing} missing,"
            f" {entry.unusable} unusable: {state}"
        )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_file(workspace.scenario_metadata)),
        metadata={
            "clips": len(metadata.clips),
            "rejects": sum(metadata.reject_counts.values()),
            "config_hash": metadata.config_hash,
            "dataset_hash": metadata.dataset_hash,
            "report": dg.MetadataValue.md(report_file(workspace).read_text("utf-8")),
            "file": dg.MetadataValue.path(workspace.scenario_metadata),
        },
    )


@dg.asset(
    name="scenario_manifest",
    group_name="data",
    kinds={"json"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=[scenario_metadata],
    automation_condition=ON_CHANGED_INPUTS,
)
def scenario_manifest_asset(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A scenario's clips. Its data version changes only with these, so that new footage makes
    stale only the scenarios it touches."""
    workspace = project.workspace()
    clips, digest = scenario_manifest(workspace, context.partition_key)
    splits = [clip.split for clip in clips]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest),
        metadata={
            "train": splits.count("train"),
            "validation": splits.count("validation"),
            "test": splits.count("test"),
            "source_groups": len({clip.source_group for clip in clips}),
            "dataset_hash": digest,
        },
    )
