"""Runs whose process is gone, what they still hold, and runs whose process can't be reached.

A code server sees its own runs die, and tells them when they are cancelled. Nobody does either when
the code server died before them, when there was none (the Makefile's verbs) or when the machine
lost its power. Nor does anybody without a daemon free the slots of a run that has ended.
"""

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import dagster as dg
import psutil

from slora_assets.defs.pool import settle_pool
from slora_assets.defs.run_host import TAG, this_host
from slora_assets.processes.living import is_alive

_UNFINISHED: Final = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]
_CLOCKS_DIFFER_S: Final = 1.5
"""The system tells when a process began from a boot time in whole seconds."""
_ASKED: Final = "the process of this run has been asked to stop: no code server could"


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End this host's runs whose process is gone (kill -9, power cut), free the pool slots of all
    runs that have ended, and narrow a pool that a killed verb had widened. Returns the ids of the
    runs that it ended.

    Without it the next run would wait for the slot for ever. Runs that are being cancelled and have
    outlived their code server are asked to stop.
    """
    dead = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        if run.tags.get(TAG) != this_host():
            continue
        told = _engine_events(instance, run.run_id)
        pid = _pid_of(told)
        if pid is None:
            continue
        process = _process_of(pid, run.run_id, instance)
        if process is None:
            _end(instance, run.run_id, f"process {pid} of this run is gone")
            dead.append(run.run_id)
        elif run.status == dg.DagsterRunStatus.CANCELING and not _has_code_server(process):
            _ask_to_stop(instance, run, process, told)
    settle_pool(instance)
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


def _ask_to_stop(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    process: psutil.Process,
    told: Sequence[dg.EventLogEntry],
) -> None:
    """Once: asked a second time it would not wait for its worker's checkpoint."""
    if not any(entry.user_message == _ASKED for entry in told):
        instance.report_engine_event(_ASKED, run)
        process.send_signal(signal.SIGINT)


def _has_code_server(process: psutil.Process) -> bool:
    """Whether the process that started this one is a code server, which forwards a cancellation."""
    with suppress(psutil.Error):
        parent = process.parent()
        return parent is not None and "grpc" in parent.cmdline()
    return False


def _engine_events(instance: dg.DagsterInstance, run_id: str) -> list[dg.EventLogEntry]:
    found = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return [record.event_log_entry for record in found.records]


def _pid_of(told: Sequence[dg.EventLogEntry]) -> int | None:
    """The process that executes a run, from its engine events."""
    for entry in told:
        event = entry.dagster_event
        metadata = event.engine_event_data.metadata if event else {}
        if "pid" in metadata:
            return int(str(metadata["pid"].value))
    return None


def _process_of(pid: int, run_id: str, instance: dg.DagsterInstance) -> psutil.Process | None:
    """The process `pid` if it lives and is the run's still; one that began after the run was last
    heard of only bears its number. What was heard last, and not first, because a clock that was set
    meanwhile (a laptop that slept) has moved the time at which a process seems to have begun."""
    try:
        process = psutil.Process(pid)
        began = process.create_time()
    except psutil.NoSuchProcess:
        return None
    last = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    heard = last[0].event_log_entry.timestamp if last else began
    return process if is_alive(process) and began <= heard + _CLOCKS_DIFFER_S else None
