"""May a scenario's clips be trained on? Blocking: a leak would make every later figure a lie."""

import dagster as dg

from slora_assets.curation.manifest import scenario_manifest
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource


@dg.asset_check(asset="scenario_manifest", blocking=True, partitions_def=SCENARIOS)
def splits_do_not_leak(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No source video is on two sides, no file stands under two names, no official test clip is
    trained on."""
    clips = scenario_manifest(project.workspace(), context.partition_key).clips
    sides: dict[str, set[str]] = {}
    for clip in clips:
        for identity in (f"source {clip.source_group}", f"file {clip.sha256}"):
            sides.setdefault(identity, set()).add(clip.split)
    leaks = sorted(identity for identity, found in sides.items() if len(found) > 1)
    tested = [c.id for c in clips if c.official_split == "test" and c.split != "test"]
    return dg.AssetCheckResult(
        passed=not leaks and not tested,
        metadata={"on two sides": ", ".join(leaks[:20]), "official test": ", ".join(tested[:20])},
    )
