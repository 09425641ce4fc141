"""The verdicts as checks: a warning where the gate can't tell, an error where it says no.

Neither blocks: a failed adapter is still summarised. Promotion verifies the verdict by itself.
"""

import dagster as dg

from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.records import read_verdict


@dg.asset_check(asset="scenario_validation", partitions_def=SCENARIOS)
def gate_passes(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """The gate lets the scenario's adapter pass."""
    gate = read_verdict(project.workspace(), context.partition_key).gate
    return dg.AssetCheckResult(
        passed=gate.answer == "pass",
        severity=dg.AssetCheckSeverity.ERROR
        if gate.answer == "fail"
        else dg.AssetCheckSeverity.WARN,
        description=" ".join(gate.reasons),
        metadata={"verdict": gate.answer},
    )


@dg.asset_check(asset="scenario_validation", partitions_def=SCENARIOS)
def samples_move(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No validation clip of the adapter is frozen."""
    scores = read_verdict(project.workspace(), context.partition_key).adapter_scores
    return dg.AssetCheckResult(
        passed=scores["frozen_samples"] == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"frozen": scores["frozen_samples"], "samples": scores["samples"]},
    )
