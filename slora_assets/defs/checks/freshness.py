"""Is each scenario's adapter, and the verdict on it, what would be made of its inputs now?

By content and partition: time says nothing about it. Warnings only, since what is outdated is still
whole, and only a person knows whether a training is due. They run with their asset, and by
`automatic_updates` when what it is made of changed.
"""

from typing import cast

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.defs.checks.looks import look
from slora_assets.defs.metadata import ON_CHANGED_INPUTS
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.records import read_run_record, read_verdict
from slora_assets.training import outdated as adapters
from slora_assets.training.plan import plan_run
from slora_assets.validation.question import question_of
from slora_assets.validation.standing import why_not_standing

# What it looks at are assets, whatever carries it; the types of `replace` don't know that.
_ON_CHANGED_INPUTS = cast("dg.AutomationCondition[dg.AssetCheckKey]", ON_CHANGED_INPUTS)


@look(
    "scenario_adapter",
    additional_deps=["scenario_manifest", "training_settings", "base_model"],
    partitions_def=SCENARIOS,
    automation_condition=_ON_CHANGED_INPUTS,
)
def adapter_is_current(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The adapter was trained on the clips, recipe and base that a training would take now."""
    workspace, scenario = project.workspace(), context.partition_key
    folder = workspace.scenario_run(scenario)
    try:
        if retired := _retired(workspace, scenario):
            return retired
        record = read_run_record(folder)
        plan = plan_run(workspace, project.training(), project.prompts(), scenario, folder)
    except SloraError as error:
        return _outdated(f"Nothing shows that the adapter of {scenario} is current: {error}")
    reasons = adapters.outdated_because(record, plan)
    changes = adapters.clip_changes(record.clips, plan.data.clips)
    numbers = {
        "new clips": changes.new,
        "gone clips": changes.gone,
        "changed clips": changes.changed,
    }
    if reasons:
        return _outdated(
            f"The adapter of {scenario} is not the one that a training would make now:"
            f" {'; '.join(reasons)}. Remedy: materialize scenario_adapter.",
            numbers,
        )
    return _current(
        f"The adapter of {scenario} was trained with the {changes.now} clips, the recipe and the"
        " base that a training would take now.",
        numbers,
    )


@look(
    "scenario_validation",
    additional_deps=["scenario_adapter", "gate_settings"],
    partitions_def=SCENARIOS,
    automation_condition=_ON_CHANGED_INPUTS,
)
def verdict_is_current(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The verdict is about the best adapter, asked what a validation would ask now."""
    workspace, scenario = project.workspace(), context.partition_key
    try:
        if retired := _retired(workspace, scenario):
            return retired
        run, settings = workspace.scenario_run(scenario), project.prompts()
        question = question_of(workspace, run, settings)
        record = question.record
        verdict = read_verdict(workspace, record.run)
    except SloraError as error:
        return _outdated(f"Nothing shows that the verdict on {scenario} is current: {error}")
    reasons = why_not_standing(workspace, verdict, question)
    asked = len(question.prompts) * len(settings.seeds)
    numbers = {"clips": verdict.adapter_scores["samples"], "clips now": asked}
    if reasons:
        return _outdated(
            f"The verdict on {scenario} is not the one that a validation would give now:"
            f" {'; '.join(reasons)}. Remedy: materialize scenario_validation.",
            numbers,
        )
    return _current(
        f"The verdict on {scenario} is about adapter {record.best.sha256[:12]} of epoch"
        f" {record.best.epoch} and rests on the {asked} clips that are asked now.",
        numbers,
    )


def _retired(workspace: Workspace, scenario: str) -> dg.AssetCheckResult | None:
    """Nothing is made anew of a retired scenario, so nothing of it is due."""
    entry = read_manifest(workspace.manifest(scenario)).entry
    return (
        _current(f"Nothing of {scenario} is due: {entry.shortfall}.", {}) if entry.retired else None
    )


def _outdated(why: str, numbers: dict[str, int] | None = None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=why,
        metadata=dict(numbers or {}),
    )


def _current(sentence: str, numbers: dict[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=sentence,
        metadata=dict(numbers),
    )
