"""What ends, while the UI runs, runs that nobody else sees dead (`dead_runs.py`)."""

import dagster as dg

from slora_assets.defs.dead_runs import release_dead_runs


@dg.sensor(
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Ends runs whose process is gone and frees their places in the pool. The code server does"
        " the same for runs that it started itself; this is for those that have outlived one."
    ),
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look at this host's unfinished runs; requests nothing."""
    ended = release_dead_runs(context.instance)
    if ended:
        names = ", ".join(run_id[:8] for run_id in ended)
        return dg.SkipReason(f"their process was gone, so they have failed: {names}")
    return dg.SkipReason("every unfinished run of this host has its process")
