"""One run of a job, as `dagster job execute` would make it, told to the person at a terminal."""

import time
import uuid
from dataclasses import dataclass
from typing import Final

import dagster as dg

from slora_assets.defs.launch.run_log import is_interruption, show
from slora_assets.defs.launch.run_origin import make_runs_of_this_location

_SAY_NOTHING: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own lines on the console: `run_log.py` says what a person wants to know."""


@dataclass(frozen=True)
class Task:
    """A job, for one scenario where it is a job over scenarios."""

    job: str
    scenario: str | None

    def __str__(self) -> str:
        return f"{self.job} {self.scenario}" if self.scenario else self.job


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: Task
    success: bool
    message: str = ""


def run_task(
    instance: dg.DagsterInstance, job: dg.JobDefinition, task: Task, beside_others: bool = False
) -> Outcome:
    """Run `job` as `task` says. `beside_others`, each line names its scenario. Raises
    KeyboardInterrupt when the run was cancelled."""
    began = time.monotonic()
    print(f"== {task}", flush=True)
    run_id, errors = str(uuid.uuid4()), list[str]()
    about = f"{task.scenario}: " if beside_others and task.scenario else ""

    def on_event(entry: dg.EventLogEntry) -> None:
        if is_interruption(entry):
            # Only a run that is being cancelled ends as cancelled; others would end as failed.
            run = instance.get_run_by_id(run_id)
            assert run is not None, "it has just logged this"
            instance.report_run_canceling(run)
        else:
            show(entry, errors, about)

    instance.add_event_listener(run_id, on_event)
    make_runs_of_this_location(instance, job)
    result = job.execute_in_process(
        run_config=_SAY_NOTHING,
        instance=instance,
        partition_key=task.scenario,
        raise_on_error=False,
        run_id=run_id,
    )
    ended = instance.get_run_by_id(run_id)
    if ended is not None and ended.status == dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    what, took = "done" if result.success else "FAILED", time.monotonic() - began
    print(f"   {f'{task}: ' if beside_others else ''}{what} in {took:.1f} s", flush=True)
    return Outcome(task, result.success, errors[0] if errors else "")
