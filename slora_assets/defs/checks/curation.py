"""May a scenario's clips be trained on? Blocking; training looks again for itself, because a check
gates only the run that it is in."""

import dagster as dg

from slora_assets.curation.leaks import leaks_among
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource


@dg.asset_check(asset="scenario_manifest", blocking=True, partitions_def=SCENARIOS)
def splits_do_not_leak(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No source video is on two sides, no file stands under two names, no official test clip is
    trained on."""
    leaks = leaks_among(scenario_manifest(project.workspace(), context.partition_key).clips)
    return dg.AssetCheckResult(
        passed=not leaks,
        metadata={
            "on two sides": ", ".join(leaks.on_two_sides[:20]),
            "official test": ", ".join(leaks.official_test[:20]),
        },
    )
