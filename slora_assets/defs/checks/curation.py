"""May a scenario's clips be trained on? Blocking; training looks again for itself, because a check
gates only the run that it is in."""

import dagster as dg

from slora_assets.curation.leaks import leak_sentence, leaks_among
from slora_assets.curation.manifest import read_manifest
from slora_assets.defs.checks.looks import look
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource


@look("scenario_manifest", blocking=True, partitions_def=SCENARIOS)
def splits_do_not_leak(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """No source video is on two sides, no file stands under two names, no official test clip is
    trained on."""
    scenario = scenario_of(context)
    clips = read_manifest(project.workspace().manifest(scenario)).clips
    leaks, sources = leaks_among(clips), len({clip.source_group for clip in clips})
    return dg.AssetCheckResult(
        passed=not leaks,
        description=leak_sentence(scenario, leaks)
        if leaks
        else f"Each of the {sources} sources of the {len(clips)} clips of {scenario} stands on one"
        " side of the split, no file stands under two names on both, and no official test clip is"
        " trained on.",
        metadata={
            "clips": len(clips),
            "sources": sources,
            "on_two_sides": {
                what: {clip.id: clip.split for clip in found}
                for what, found in leaks.on_two_sides.items()
            },
            "official_test": list(leaks.official_test),
        },
    )
