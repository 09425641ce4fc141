"""Runs the project's jobs from the command line: `python -m slora_assets.launch data preprocess`.

What `dagster job execute` does, for every scenario in turn and in one process, so that a verb over
all scenarios pays Dagster's start-up once. Runs land in the same instance and show in the UI.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
from dagster import DagsterEventType, DagsterRunStatus, EventLogEntry
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import execute_run
from dagster._core.utils import make_new_run_id

from slora_assets.config.errors import SloraError
from slora_assets.held_open import instance_held_open, run_held_open

DEFINITIONS = "slora_assets.definitions"

VERBS: dict[str, tuple[str, ...]] = {
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
"""What each verb runs, in order; jobs over scenarios run once a scenario. `release` runs none: as
every verb does first, it gives back what killed runs still hold."""

_UNFINISHED = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING]
_INTERRUPTED = 130

_COLLECT_AFTER = 100_000
"""Objects after which cycles are looked for. Datasets and events are many small objects without
any: at Python's 700 a tenth of a refresh's CPU time goes into looking."""


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
        print(f"usage: python -m slora_assets.launch {' | '.join(VERBS)}", file=sys.stderr)
        return 2
    # SIGTERM means what Ctrl-C means: Dagster ends the step, the worker checkpoints.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    gc.set_threshold(_COLLECT_AFTER)
    os.environ.setdefault("DAGSTER_HOME", str(Path(__file__).resolve().parents[2]))
    outcomes: list[Outcome] = []
    try:
        with dg.DagsterInstance.get() as instance, instance_held_open(instance):
            for run_id in release_dead_runs(instance):
                print(f"run {run_id[:8]} had been killed; its place in the pool is free again")
            for verb in arguments:
                for job in VERBS[verb]:
                    outcomes += _run_job(instance, job)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    except SloraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
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
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ENGINE_EVENT).records
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


def _run_job(instance: dg.DagsterInstance, job_name: str) -> list[Outcome]:
    repository = ReconstructableRepository.for_module(DEFINITIONS, "defs", str(Path.cwd()))
    reconstructable = repository.get_reconstructable_job(job_name)
    definition = reconstructable.get_definition()
    partitions = definition.partitions_def
    keys: Sequence[str | None] = partitions.get_partition_keys() if partitions else [None]
    outcomes = []
    for key in keys:
        run_id = make_new_run_id()
        with run_held_open(instance, run_id):
            outcomes.append(_run(instance, reconstructable, job_name, key, run_id))
    return outcomes


def _run(
    instance: dg.DagsterInstance,
    job: ReconstructableJob,
    name: str,
    scenario: str | None,
    run_id: str,
) -> Outcome:
    began = time.monotonic()
    title = f"{name} {scenario}" if scenario else name
    print(f"== {title}", flush=True)
    definition = job.get_definition()
    tags = definition.get_tags_for_partition_key(scenario, None) if scenario else {}
    run = instance.create_run_for_job(
        definition,
        run_id=run_id,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags=tags,
        status=DagsterRunStatus.NOT_STARTED,
        job_code_origin=job.get_python_origin(),
    )
    errors: list[str] = []

    def on_event(entry: EventLogEntry) -> None:
        if _is_interruption(entry):
            # Only a run that is being cancelled ends as cancelled; others would end as failed.
            instance.report_run_canceling(run)
        else:
            _show(entry, errors)

    instance.add_event_listener(run.run_id, on_event)
    result = execute_run(job, run, instance, raise_on_error=False)
    ended = instance.get_run_by_id(run.run_id)
    if ended is not None and ended.status == DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    print(f"   {'done' if result.success else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return Outcome(name, scenario, result.success, errors[0] if errors else "")


def _is_interruption(entry: EventLogEntry) -> bool:
    """Whether a step failed because this process was asked to stop."""
    if not entry.is_dagster_event or not entry.get_dagster_event().is_step_failure:
        return False
    error = entry.get_dagster_event().step_failure_data.error
    while error is not None and error.cls_name != DagsterExecutionInterruptedError.__name__:
        error = error.cause
    return error is not None


def _show(entry: EventLogEntry, errors: list[str]) -> None:
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
    elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            print(f"   check {check.check_name}: {check.description or 'did not pass'}", flush=True)
