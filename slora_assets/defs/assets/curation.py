"""Dagster's view of curation: the metadata document, and each scenario's manifest."""

import dagster as dg

from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.stage import curate
from slora_assets.defs.metadata import ON_CHANGED_INPUTS
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance import sha256_file
from slora_assets.provenance.records import read_inventory


@dg.asset(group_name="data", kinds={"json"}, code_version="1", deps=["footage"])
def scenario_metadata(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Which clip belongs to which scenario and split, with which prompts, and why."""
    workspace, (dataset, scenarios) = project.workspace(), project.dataset()
    metadata = curate(dataset, scenarios, read_inventory(workspace), workspace)
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
            "report": dg.MetadataValue.md(workspace.curation_report.read_text("utf-8")),
            "file": dg.MetadataValue.path(workspace.scenario_metadata),
        },
    )


@dg.asset(
    group_name="data",
    kinds={"json"},
    code_version="1",
    partitions_def=SCENARIOS,
    deps=[scenario_metadata],
    automation_condition=ON_CHANGED_INPUTS,
)
def scenario_manifest(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A scenario's clips. Its data version changes only with these, so that new footage makes
    stale only the scenarios it touches."""
    workspace = project.workspace()
    manifest = write_manifest(workspace, context.partition_key)
    entry = manifest.entry
    return dg.MaterializeResult(
        data_version=dg.DataVersion(manifest.dataset_hash),
        metadata={
            "train": entry.train,
            "validation": entry.validation,
            "test": entry.test,
            "source_groups": len({clip.source_group for clip in manifest.clips}),
            "dataset_hash": manifest.dataset_hash,
            "file": dg.MetadataValue.path(workspace.manifest(manifest.scenario)),
        },
    )
