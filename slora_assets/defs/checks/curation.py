"""May a scenario's clips be trained on? Blocking; training looks again for itself, because a check
gates only the run that it is in."""

from collections.abc import Sequence

import dagster as dg

from slora_assets.curation.leaks import REMEDY, Leaks, leaks_among
from slora_assets.curation.manifest import read_manifest
from slora_assets.defs.checks.sentences import counted, some
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.documents import Clip

_MOST = 3


@dg.asset_check(asset="scenario_manifest", blocking=True, partitions_def=SCENARIOS)
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
        description=_leaking(scenario, leaks)
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


def _leaking(scenario: str, leaks: Leaks) -> str:
    """Which clips leak, and what to do about it."""
    told = []
    if leaks.on_two_sides:
        count = len({clip.id for found in leaks.on_two_sides.values() for clip in found})
        alike = [_alike(what, found) for what, found in leaks.on_two_sides.items()]
        more = f" and {len(alike) - _MOST} more like these" if len(alike) > _MOST else ""
        told.append(
            f"{count} clips of {scenario} stand on two sides of the split:"
            f" {'; '.join(alike[:_MOST])}{more}"
        )
    if leaks.official_test:
        several = counted(len(leaks.official_test), "official test clip", "official test clips")
        told.append(f"{several} of {scenario} would be trained on: {some(leaks.official_test)}")
    return f"{'. '.join(told)}. Remedy: {REMEDY}."


def _alike(what: str, clips: Sequence[Clip]) -> str:
    """`a, b (train), c (validation) are one file`."""
    sides: dict[str, list[str]] = {}
    for clip in clips:
        sides.setdefault(clip.split, []).append(clip.id)
    named = ", ".join(f"{some(ids)} ({side})" for side, ids in sides.items())
    kind, _, name = what.partition(" ")
    return f"{named} are one file" if kind == "file" else f"{named} are of one source, {name}"
