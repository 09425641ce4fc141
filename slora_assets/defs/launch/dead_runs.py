"""Runs whose process is gone: without a daemon nobody else ends them."""

from typing import Final

import dagster as dg
import psutil

_UNFINISHED: Final = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End runs whose process is gone (kill -9, power cut) and free their pool slots.

    Without a daemon nothing else does, and the next run would wait for the slot for ever. Returns
    the runs' ids.
    """
    dead = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        pid = _pid_of(instance, run.run_id)
        if pid is not None and not _is_alive(pid, run.run_id, instance):
            instance.report_run_failed(run, f"process {pid} of this run is gone")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            dead.append(run.run_id)
    return dead


def _pid_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that executes a run, from its engine events."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in records:
        event = record.event_log_entry.dagster_event
        metadata = event.engine_event_data.metadata if event else {}
        if "pid" in metadata:
            return int(str(metadata["pid"].value))
    return None


def _is_alive(pid: int, run_id: str, instance: dg.DagsterInstance) -> bool:
    """Is `pid` still the process that began the run? One that began later only bears its number."""
    stats = instance.get_run_stats(run_id)
    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return stats.start_time is None or created <= stats.start_time
