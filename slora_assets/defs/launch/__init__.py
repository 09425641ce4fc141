"""Runs the project's jobs from the command line: `python -m slora_assets.defs.launch data`.

For every scenario in turn and in one process, so that a verb over all scenarios pays Dagster's
start-up once. Runs land in the same instance and show in the UI.
"""

import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg
import psutil

from slora_assets.config.errors import SloraError
from slora_assets.defs.code_location import build_definitions

VERBS: Final[dict[str, tuple[str, ...]]] = {
    "data": ("data",),
    "preprocess": ("preprocess",),
    "train": ("train",),
    "train-scenarios": ("train_scenarios",),
    "validate": ("validate", "validate_unified"),
    "summary": ("summary",),
    "release": (),
    "demo": (
        "data",
        "preprocess",
        "train_scenarios",
        "train",
        "validate",
        "validate_unified",
        "summary",
    ),
}
"""What each verb runs, in order; jobs over scenarios run once for each. `release` runs none: as
every verb does first, it gives back what killed runs still hold."""

_UNFINISHED: Final = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]
_INTERRUPTED: Final = 130
_SAY_NOTHING: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own lines on the console: `_show` says what a person wants to know."""


@dataclass(frozen=True)
class Outcome:
    """One run of a job."""

    job: str
    scenario: str | None
    success: bool
    message: str = ""


def main(arguments: Sequence[str]) -> int:
    """Run verbs in order; go on past a scenario that fails. Returns the exit status."""
    unknown = [verb for verb in arguments if verb not in VERBS]
    if unknown or not arguments:
        print(f"usage: python -m slora_assets.defs.launch {' | '.join(VERBS)}", file=sys.stderr)
        return 2
    jobs = [job for verb in arguments for job in VERBS[verb]]
    try:
        return run_jobs(build_definitions(), jobs)
    except SloraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run_jobs(definitions: dg.Definitions, jobs: Sequence[str]) -> int:
    """Run jobs of `definitions` in order, in the instance that DAGSTER_HOME names, past those that
    fail. Returns the exit status: 130 when interrupted."""
    # SIGTERM means what Ctrl-C means: Dagster ends the step, the worker checkpoints.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ.setdefault("DAGSTER_HOME", str(Path(__file__).resolve().parents[3]))
    outcomes: list[Outcome] = []
    try:
        with dg.DagsterInstance.get() as instance:
            for run_id in release_dead_runs(instance):
                print(f"run {run_id[:8]} had been killed; its place in the pool is free again")
            for job in jobs:
                outcomes += _run_job(instance, definitions.resolve_job_def(job))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    failed = [outcome for outcome in outcomes if not outcome.success]
    for outcome in failed:
        name = f"{outcome.job} {outcome.scenario or ''}".strip()
        print(f"FAILED {name}: {outcome.message}", file=sys.stderr)
    return 1 if failed else 0


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


def _run_job(instance: dg.DagsterInstance, job: dg.JobDefinition) -> list[Outcome]:
    keys = job.partitions_def.get_partition_keys() if job.partitions_def else [None]
    return [_run(instance, job, key) for key in keys]


def _run(instance: dg.DagsterInstance, job: dg.JobDefinition, scenario: str | None) -> Outcome:
    began = time.monotonic()
    print(f"== {job.name} {scenario}" if scenario else f"== {job.name}", flush=True)
    run_id, errors = str(uuid.uuid4()), list[str]()

    def on_event(entry: dg.EventLogEntry) -> None:
        if _is_interruption(entry):
            # Only a run that is being cancelled ends as cancelled; others would end as failed.
            run = instance.get_run_by_id(run_id)
            assert run is not None, "it has just logged this"
            instance.report_run_canceling(run)
        else:
            _show(entry, errors)

    instance.add_event_listener(run_id, on_event)
    result = job.execute_in_process(
        run_config=_SAY_NOTHING,
        instance=instance,
        partition_key=scenario,
        raise_on_error=False,
        run_id=run_id,
    )
    ended = instance.get_run_by_id(run_id)
    if ended is not None and ended.status == dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    print(f"   {'done' if result.success else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return Outcome(job.name, scenario, result.success, errors[0] if errors else "")


def _is_interruption(entry: dg.EventLogEntry) -> bool:
    """Whether a step failed because this process was asked to stop."""
    if not entry.is_dagster_event or not entry.get_dagster_event().is_step_failure:
        return False
    error = entry.get_dagster_event().step_failure_data.error
    while error is not None and error.cls_name != dg.DagsterExecutionInterruptedError.__name__:
        error = error.cause
    return error is not None


def _show(entry: dg.EventLogEntry, errors: list[str]) -> None:
    """Print what a person wants to know of a run's log; collect why steps failed."""
    if not entry.is_dagster_event:
        if entry.user_message.startswith("Dependencies for step "):
            return  # follows from a failure that is shown already
        print(f"   {entry.user_message}", flush=True)
        return
    event = entry.get_dagster_event()
    if event.is_step_failure:
        failure = event.step_failure_data
        cause = failure.error.cause if failure.error and failure.error.cause else failure.error
        if failure.user_failure_data and failure.user_failure_data.description:
            message = failure.user_failure_data.description
        else:
            message = cause.message.strip() if cause else "unknown"
            if cause and message.startswith("slora_assets."):
                message = message.partition(": ")[2]
        errors.append(message)
        print(f"   {event.step_key}: {message}", file=sys.stderr, flush=True)
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            print(f"   check {check.check_name}: {check.description or 'did not pass'}", flush=True)
