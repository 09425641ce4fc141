"""Did the adapter prove itself? Blocking: what fails here must not be judged, let alone served."""

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.records import read_adapter_record, read_run_record


@dg.asset_check(asset="scenario_adapter", blocking=True, partitions_def=SCENARIOS)
def scenario_export_is_proven(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The exported files are the recorded ones, do what training saw, and have an effect."""
    return _proven(project, context.partition_key)


@dg.asset_check(asset="unified_adapter", blocking=True)
def unified_export_is_proven(project: ProjectResource) -> dg.AssetCheckResult:
    """The exported files are the recorded ones, do what training saw, and have an effect."""
    return _proven(project, None)


def _proven(project: ProjectResource, scenario: str | None) -> dg.AssetCheckResult:
    folder = project.workspace().run_of(scenario)
    record = read_run_record(folder)
    parity = record.parity
    try:
        for kept in record.kept:
            read_adapter_record(folder / kept.path)
    except SloraError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(
        passed=parity.max_difference <= parity.tolerance and parity.effect > 0,
        metadata=parity.model_dump(mode="json"),
    )
