"""What starts by itself: a refresh of the scenarios that new footage or changed annotations touch.

The decision is a pure function; the sensor only looks, decides and requests.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import dagster as dg

from slora_assets.config.dataset_files import annotation_files, footage_files
from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import dataset_hash, read_manifest
from slora_assets.curation.stage import preview
from slora_assets.defs.project import ProjectResource
from slora_assets.provenance.hashing import object_hash


class FootageCursor(TypedDict):
    """The cursor: what the last look saw, and for which listing scenarios were requested."""

    listing: str
    requested: str


@dataclass(frozen=True)
class Decision:
    """What to remember, and whether this listing is to be acted on."""

    seen: FootageCursor
    act: bool
    why: str


def listing_of(files: Iterable[Path]) -> str:
    """A hash over names, sizes and modification times; changes while a file still grows."""
    stats = {str(path): path.stat() for path in files}
    return object_hash({name: [s.st_size, str(s.st_mtime_ns)] for name, s in stats.items()})


def decide(seen: FootageCursor, listing: str) -> Decision:
    """Act on a listing that stood still between two looks and was not acted on before."""
    if listing == seen["requested"]:
        return Decision({**seen, "listing": listing}, False, "nothing changed")
    if listing != seen["listing"]:
        return Decision({**seen, "listing": listing}, False, "files are still arriving")
    return Decision({"listing": listing, "requested": listing}, True, "new footage stands still")


def changed_scenarios(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Scenarios whose manifest hash differs from the last one, in the order of `now`."""
    return [scenario for scenario, digest in now.items() if before.get(scenario) != digest]


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
