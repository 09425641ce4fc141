"""The verdicts as checks: a warning where the gate can't tell, an error where it says no.

Neither blocks: a failed adapter is still summarised. Promotion verifies the verdict by itself.
"""

import dagster as dg

from slora_assets.config.workspace import UNIFIED
from slora_assets.defs.checks.looks import look
from slora_assets.defs.checks.sentences import counted
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.records import read_verdict


@look("scenario_validation", partitions_def=SCENARIOS)
def gate_passes(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The gate lets the scenario's adapter pass."""
    return _passes(project, scenario_of(context))


@look("unified_validation")
def unified_gate_passes(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The gate lets the unified adapter pass."""
    return _passes(project, UNIFIED)


@look("scenario_validation", partitions_def=SCENARIOS)
def samples_move(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No validation clip of the scenario's adapter is frozen."""
    return _move(project, scenario_of(context))


@look("unified_validation")
def unified_samples_move(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No validation clip of the unified adapter is frozen."""
    return _move(project, UNIFIED)


@look("scenario_validation", partitions_def=SCENARIOS)
def nothing_is_copied(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No validation clip of the scenario's adapter is a copy of a clip that was trained on."""
    return _copied(project, scenario_of(context))


@look("unified_validation")
def unified_nothing_is_copied(
    _: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No validation clip of the unified adapter is a copy of a clip that was trained on."""
    return _copied(project, UNIFIED)


def _passes(project: ProjectResource, run: str) -> dg.AssetCheckResult:
    gate = read_verdict(project.workspace(), run).gate
    clips = counted(gate.n_clips, "clip", "clips")
    return dg.AssetCheckResult(
        passed=gate.answer == "pass",
        severity=dg.AssetCheckSeverity.ERROR
        if gate.answer == "fail"
        else dg.AssetCheckSeverity.WARN,
        description=f"The verdict on {run} is {gate.answer} over {clips}: {' '.join(gate.reasons)}",
        metadata={
            "verdict": gate.answer,
            "clips": gate.n_clips,
            "mean_changes": {name: metric.mean_delta for name, metric in gate.metrics.items()},
            "lower_bounds": {name: metric.lower for name, metric in gate.metrics.items()},
            "limits": {name: metric.limit for name, metric in gate.metrics.items()},
        },
    )


def _move(project: ProjectResource, run: str) -> dg.AssetCheckResult:
    workspace = project.workspace()
    scores = read_verdict(workspace, run).adapter_scores
    frozen, samples = scores["frozen_samples"], scores["samples"]
    said = f"{samples - frozen} of {samples} validation clips of {run} move"
    if frozen:
        report = workspace.relative(workspace.validation(run) / "report.md")
        said += (
            f"; {counted(frozen, 'stands', 'stand')} still, see {report}. Remedy: train with"
            " another recipe, or on clips that move"
        )
    return dg.AssetCheckResult(
        passed=frozen == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}.",
        metadata={"frozen": frozen, "samples": samples},
    )


def _copied(project: ProjectResource, run: str) -> dg.AssetCheckResult:
    workspace = project.workspace()
    verdict = read_verdict(workspace, run)
    samples = verdict.adapter_scores["samples"]
    nearest = workspace.relative(workspace.validation(run) / "nearest.json")
    if verdict.copies is None:
        said = f"No clip that {run} was trained on can be read to compare its clips with"
    elif verdict.copies:
        said = (
            f"{verdict.copies} of {samples} validation clips of {run} copy a clip that was trained"
            f" on, see {nearest}. Remedy: train for fewer epochs, or on more clips"
        )
    else:
        said = f"None of {samples} validation clips of {run} copies a clip that was trained on"
    return dg.AssetCheckResult(
        passed=verdict.copies == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}.",
        metadata={"copies": verdict.copies, "samples": samples, "file": nearest},
    )
