"""Edits of the configuration show in the graph by themselves."""

import json

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.configuration import PARTS, Configured, observation, version_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Reads the configuration and notes which parts of it say something new: what depends on"
        " them is stale from then on. Starts nothing."
    ),
)
def edited_settings(
    context: dg.SensorEvaluationContext, project: ProjectResource
) -> dg.SensorResult:
    """Observe the parts that changed; the cursor is what each said last."""
    said: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    try:
        now = versions(Configured(project))
    except SloraError as error:
        return dg.SensorResult(
            skip_reason=f"can't read the configuration: {error}", cursor=context.cursor
        )
    changed = [place for place, version in now.items() if said.get(place) != version]
    events = []
    for place in changed:
        name, _, scenario = place.partition(":")
        events.append(observation(name, scenario or None, now[place]))
    words = f"edited: {', '.join(changed)}" if changed else "nothing was edited"
    if not said:
        words = f"noted what {len(now)} parts of the configuration say"
    cursor = json.dumps(now, sort_keys=True)
    return dg.SensorResult(asset_events=events, skip_reason=words, cursor=cursor)


def versions(now: Configured) -> dict[str, str]:
    """What each part says: `part`, or `part:scenario` where it has partitions, to its version."""
    found = {}
    for part in PARTS.values():
        for scenario in SCENARIOS.get_partition_keys() if part.by_scenario else [""]:
            place = f"{part.name}:{scenario}" if scenario else part.name
            found[place] = version_of(part, now, scenario or None)
    return found
