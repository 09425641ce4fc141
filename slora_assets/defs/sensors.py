"""What starts by itself: a refresh of the scenarios that new footage or changed annotations touch.

The sensor looks and requests; `refresh_decision.py` decides.
"""

import json
from contextlib import suppress

import dagster as dg

from slora_assets.config.dataset_files import annotation_files, footage_files
from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import dataset_hash, read_manifest
from slora_assets.curation.stage import preview
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.refresh_decision import (
    FootageCursor,
    changed_scenarios,
    decide,
    listing_of,
)


@dg.sensor(
    job_name="refresh",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests `refresh` for the scenarios that new footage or annotations change.",
)
def new_footage(
    context: dg.SensorEvaluationContext, project: ProjectResource
) -> dg.SensorResult | dg.SkipReason:
    """Look at the footage folder and the annotations; see `decide`."""
    workspace, (dataset, scenarios) = project.workspace(), project.dataset()
    try:
        files = [*footage_files(dataset, workspace).values(), *annotation_files(dataset, workspace)]
        listing = listing_of(files)
    except (SloraError, FileNotFoundError) as error:
        return dg.SkipReason(f"the footage can't be listed now: {error}")
    nothing: FootageCursor = {"listing": "", "requested": ""}
    seen: FootageCursor = json.loads(context.cursor) if context.cursor else nothing
    decision = decide(seen, listing)
    if not decision.act:
        return dg.SensorResult(
            skip_reason=decision.why, cursor=json.dumps(decision.seen, sort_keys=True)
        )
    metadata = preview(dataset, scenarios, workspace)
    now = {
        name: dataset_hash(metadata.of_scenario(name))
        for name, entry in metadata.scenarios.items()
        if not entry.shortfall
    }
    requests = [
        dg.RunRequest(run_key=f"{scenario}:{now[scenario]}:{listing[:12]}", partition_key=scenario)
        for scenario in changed_scenarios(_last_manifests(workspace), now)
    ]
    return dg.SensorResult(requests, cursor=json.dumps(decision.seen, sort_keys=True))


def _last_manifests(workspace: Workspace) -> dict[str, str]:
    """The dataset hash of each manifest that was made and had clips enough."""
    found: dict[str, str] = {}
    for path in sorted(workspace.manifests.glob("*.json")):
        with suppress(IntegrityError):  # a torn one, or an earlier version's, is made again
            manifest = read_manifest(path)
            if not manifest.entry.shortfall:
                found[manifest.scenario] = manifest.dataset_hash
    return found
