"""Runs whose process is gone, and what they still hold.

A code server sees its own runs die. Nobody sees it when the code server died too, when there was
none (the Makefile's verbs) or when the machine lost its power. Nor does anybody without a daemon
free the slots of a run that has ended.
"""

from typing import Final

import dagster as dg
import psutil

from slora_assets.defs.run_host import TAG, this_host
from slora_assets.processes.living import is_alive

_UNFINISHED: Final = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]
_CLOCKS_DIFFER_S: Final = 1.5
"""The system tells when a process began from a boot time in whole seconds."""


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End this host's runs whose process is gone (kill -9, power cut), and free the pool slots of
    all runs that have ended. Returns the ids of the runs that it ended.

    Without it the next run would wait for the slot for ever.
    """
    dead = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        pid = _pid_of(instance, run.run_id) if run.tags.get(TAG) == this_host() else None
        if pid is not None and not _is_process_of(pid, run.run_id, instance):
            _end(instance, run.run_id, f"process {pid} of this run is gone")
            dead.append(run.run_id)
    if instance.event_log_storage.supports_global_concurrency_limits:
        for run_id in instance.event_log_storage.get_concurrency_run_ids():
            holder = instance.get_run_by_id(run_id)
            if holder is None or holder.is_finished:
                instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return dead


def _end(instance: dg.DagsterInstance, run_id: str, why: str) -> None:
    """Report a run's end, unless it has come to one meanwhile."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)


def _pid_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that executes a run, from its engine events."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in records:
        event = record.event_log_entry.dagster_event
        metadata = event.engine_event_data.metadata if event else {}
        if "pid" in metadata:
            return int(str(metadata["pid"].value))
    return None


def _is_process_of(pid: int, run_id: str, instance: dg.DagsterInstance) -> bool:
    """Is `pid` still the process of the run? One that began after the run was last heard of only
    bears its number. What was heard last, and not first, because a clock that was set meanwhile (a
    laptop that slept) has moved the time at which a process seems to have begun."""
    try:
        process = psutil.Process(pid)
        began = process.create_time()
    except psutil.NoSuchProcess:
        return False
    last = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    heard = last[0].event_log_entry.timestamp if last else began
    return is_alive(process) and began <= heard + _CLOCKS_DIFFER_S
