"""Dagster's view of curation: the metadata document, and each scenario's manifest."""

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.last_look import CURATION_VERSION
from slora_assets.curation.manifest import current_manifest, write_manifest
from slora_assets.curation.report import state_of
from slora_assets.defs import groups
from slora_assets.defs.configuration import read_by
from slora_assets.defs.data_versions import DATA_VERSION, last_materialization, still_current
from slora_assets.defs.metadata import (
    ON_CHANGED_INPUTS,
    PARTITION_ROWS,
    ROWS,
    scenario_of,
    standing_at,
)
from slora_assets.defs.origin import on_record
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.tables import columns_of
from slora_assets.documents import Clip, DatasetEntry, ScenarioManifest
from slora_assets.provenance import sha256_file

_CLIPS = columns_of(Clip)
_MANIFEST_CODE = f"schema {ScenarioManifest.model_fields['schema_version'].default}"


@dg.asset(
    group_name=groups.DATA,
    kinds={"polars", "json"},
    owners=groups.FOOTAGE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.scenario_metadata, _CLIPS),
    code_version=str(CURATION_VERSION),
    deps=["footage", "curation_settings"],
)
def scenario_metadata(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Which clip belongs to which scenario and split, with which prompts, and why.

    How clips are sorted: `docs/datasets.md`; a scenario of one's own: `docs/howto/own_scenario.md`.
    """
    from slora_assets.curation.stage import curated

    read = read_by(context, project, "curation_settings")
    workspace, (dataset, scenarios) = project.workspace(), project.dataset()
    found = curated(dataset, scenarios, workspace)
    metadata = found.summary
    for name, entry in metadata.scenarios.items():
        context.log.info(
            f"{name}: {entry.train} train, {entry.validation} validation, {entry.missing} missing,"
            f" {entry.unusable} unusable: {state_of(entry)}"
        )
    version = sha256_file(workspace.scenario_metadata)
    for scenario in SCENARIOS.get_partition_keys():
        _note_unchanged(context, workspace, scenario, version)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        tags=read,
        metadata={
            ROWS: found.count,
            "clips": found.count,
            "rejects": sum(metadata.reject_counts.values()),
            "config_hash": metadata.config_hash,
            "dataset_hash": metadata.dataset_hash,
            "report": dg.MetadataValue.md(workspace.curation_report.read_text("utf-8")),
            "file": dg.MetadataValue.path(workspace.scenario_metadata),
            **_terms(metadata.dataset),
            **on_record(workspace, workspace.scenario_metadata),
        },
    )


def _terms(dataset: DatasetEntry) -> dict[str, str]:
    """What the footage may be used for."""
    return {"licence": dataset.licence, "use": dataset.use}


def _note_unchanged(
    context: dg.AssetExecutionContext, workspace: Workspace, scenario: str, metadata: str
) -> None:
    """Say of a manifest that stands and says what the new metadata say that it does: it and what
    hangs on it are not stale because some other scenario has changed."""
    last = last_materialization(context.instance, "scenario_manifest", scenario)
    try:
        manifest = current_manifest(workspace, scenario)
    except SloraError:
        return
    if last is not None and (last.tags or {}).get(DATA_VERSION) == manifest.dataset_hash:
        read = {"scenario_metadata": metadata}
        context.log_event(still_current(last, _MANIFEST_CODE, read))


@dg.asset(
    group_name=groups.DATA,
    kinds={"json"},
    owners=groups.FOOTAGE_TEAM,
    tags=groups.CPU,
    metadata=standing_at(lambda workspace: workspace.manifests, _CLIPS),
    code_version=_MANIFEST_CODE,
    partitions_def=SCENARIOS,
    deps=[scenario_metadata],
    automation_condition=ON_CHANGED_INPUTS,
)
def scenario_manifest(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """A scenario's clips. Its data version changes only with these, so that new footage makes
    stale only the scenarios it touches.

    What the file holds: `docs/schemas/scenario_manifest.schema.json`.
    """
    workspace = project.workspace()
    manifest = write_manifest(workspace, scenario_of(context))
    entry = manifest.entry
    return dg.MaterializeResult(
        data_version=dg.DataVersion(manifest.dataset_hash),
        metadata={
            PARTITION_ROWS: len(manifest.clips),
            "train": entry.train,
            "validation": entry.validation,
            "test": entry.test,
            "source_groups": len({clip.source_group for clip in manifest.clips}),
            "dataset_hash": manifest.dataset_hash,
            "file": dg.MetadataValue.path(workspace.manifest(manifest.scenario)),
            **_terms(manifest.dataset),
            **on_record(workspace, workspace.manifest(manifest.scenario)),
        },
    )
