"""Did the adapter prove itself? Blocking: what fails here must not be judged, let alone served."""

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.checks.looks import look
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.records import read_adapter_record, read_run_record


@look("scenario_adapter", blocking=True, partitions_def=SCENARIOS)
def scenario_export_is_proven(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The exported files are the recorded ones, do what training saw, and have an effect."""
    return _proven(project, scenario_of(context))


@look("unified_adapter", blocking=True)
def unified_export_is_proven(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The exported files are the recorded ones, do what training saw, and have an effect."""
    return _proven(project, None)


def _proven(project: ProjectResource, scenario: str | None) -> dg.AssetCheckResult:
    folder = project.workspace().run_of(scenario)
    record = read_run_record(folder)
    parity, kept, wrong = record.parity, len(record.kept), list[str]()
    for adapter in record.kept:
        try:
            read_adapter_record(folder / adapter.path)
        except SloraError as error:
            wrong.append(str(error))
    proven = parity.max_difference <= parity.tolerance and parity.effect > 0
    said = [
        f"{kept - len(wrong)} of {kept} adapters that {record.run} kept are the recorded files;"
        f" the best, read back, differs by {parity.max_difference:.2g} from what was trained (at"
        f" most {parity.tolerance:.2g}) and by {parity.effect:.2g} from the base (more than 0).",
        *wrong,
    ]
    if not proven:
        said.append("Remedy: look at the run's losses and recipe, then train again.")
    return dg.AssetCheckResult(
        passed=proven and not wrong,
        description=" ".join(said),
        metadata=parity.model_dump(mode="json") | {"kept": kept, "wrong": wrong},
    )
