"""What starts by itself: refreshes that new footage, changed annotations or new scenarios ask for.

The sensor looks (`refresh_look.py`) and requests; `refresh_decision.py` decides. A tick writes
nothing: what it learns, it says.
"""

import time

import dagster as dg

from slora_assets.config.errors import SloraError
from slora_assets.defs.jobs import JOBS, REFRESHED
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.defs.refresh_decision import FOOTAGE, Request, decide
from slora_assets.defs.refresh_look import look_around, tags_of


@dg.sensor(
    jobs=[job for job in JOBS if job.name in ("data", "refresh")],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Looks at footage, annotations and scenarios. When they stand still and are other than what"
        " the metadata were made from, it requests `data`; for each scenario whose adapter was not"
        " trained on, or not judged for, the clips that it has now, `refresh`. What failed or was"
        " cancelled is asked for again, after a while."
    ),
)
def new_footage(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
    """Look and request; see `decide`. The cursor is the listing that the last tick saw."""
    workspace = project.workspace()
    try:
        dataset, scenarios = project.dataset()
        loaded = SCENARIOS.get_partition_keys()
        look = look_around(workspace, dataset, scenarios, loaded, context.instance)
    except (SloraError, FileNotFoundError) as error:
        # Unknown is not empty: a folder that can't be listed takes nothing away.
        return dg.SensorResult(skip_reason=f"can't look now: {error}", cursor=context.cursor)
    decision = decide(look, context.cursor or "", time.time())
    for words in decision.words:
        context.log.info(words)
    if not decision.requests:
        up_to_date = f"{len(look.scenarios)} scenarios are as their footage wants them"
        return dg.SensorResult(
            skip_reason="; ".join(decision.words) or up_to_date, cursor=look.listing
        )
    return dg.SensorResult([_run(request) for request in decision.requests], cursor=look.listing)


def _run(request: Request) -> dg.RunRequest:
    tags = tags_of(request.scenario, request.wanted)
    if request.scenario == FOOTAGE:
        return dg.RunRequest(request.run_key, job_name="data", tags=tags)
    return dg.RunRequest(
        request.run_key,
        job_name="refresh",
        partition_key=request.scenario,
        # The metadata are as they should be; sorting again, one run for each scenario, would only
        # get in the others' way.
        asset_selection=[dg.AssetKey(name) for name in REFRESHED],
        tags=tags,
    )
