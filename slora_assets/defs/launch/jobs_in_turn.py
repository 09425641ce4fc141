"""Runs the project's jobs as `dagster job execute` would.

For every scenario in turn and in one process, so that a verb over all scenarios pays Dagster's
start-up once. Runs land in the same instance and show in the UI.
"""

import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import dagster as dg

from slora_assets.config import edge
from slora_assets.config.data import read_dataset
from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.defs.dead_runs import release_dead_runs
from slora_assets.defs.home import prepare_home
from slora_assets.defs.launch.run_log import is_interruption, show
from slora_assets.defs.launch.run_origin import make_runs_of_this_location
from slora_assets.defs.launch.verbs import JUDGING, VERBS, need_models
from slora_assets.defs.preloaded import MODELS
from slora_assets.documents import RUN_RECORD
from slora_assets.processes.preloading import preload
from slora_assets.processes.starting import can_fork
from slora_assets.processes.stopping import heed_signals

_INTERRUPTED: Final = 130
_SAY_NOTHING: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own lines on the console: `run_log.py` says what a person wants to know."""


LeftOut: TypeAlias = Callable[[str, str | None], str | None]
"""Why a job isn't run for a scenario; None: it is."""


@dataclass(frozen=True)
class Outcome:
    """One run of a job."""

    job: str
    scenario: str | None
    success: bool
    message: str = ""


def run_verbs(verbs: Sequence[str]) -> int:
    """Run verbs in order; go on past a scenario that fails. Returns the exit status."""
    heed_signals()  # Dagster ends the step, the worker checkpoints
    if can_fork() and need_models(verbs):
        # Before a decoder starts the server that workers are forked from as well: once it runs,
        # nothing is added to what it imports.
        preload(MODELS)
    jobs = [job for verb in verbs for job in VERBS[verb]]
    if not jobs:
        return run_jobs(dg.Definitions(), jobs)
    return edge.exit_status(lambda: run_jobs(_definitions(), jobs, _left_out()))


def _definitions() -> dg.Definitions:
    # They read the configuration when they are imported: what is wrong with it, the verb says.
    from slora_assets.defs.code_location import build_definitions

    return build_definitions()


def _left_out() -> LeftOut:
    """Why a job isn't run: scenarios that keep their partition are not worked on, and what was not
    trained is not judged."""
    workspace = Workspace.from_environment()
    scenarios = read_dataset(workspace.dataset_file)[1]
    retired = scenarios.scenarios.keys() - scenarios.active.keys()

    def why(job: str, scenario: str | None) -> str | None:
        if scenario in retired:
            return "retired"
        if job in JUDGING and not (workspace.run_of(scenario) / RUN_RECORD).is_file():
            return "not trained"
        return None

    return why


def _in_work(_job: str, _scenario: str | None) -> None:
    """Nothing is left out."""


def run_jobs(definitions: dg.Definitions, jobs: Sequence[str], left_out: LeftOut = _in_work) -> int:
    """Run jobs of `definitions` in order, in the instance that DAGSTER_HOME names, past those that
    fail and without those that `left_out` gives a reason for. Returns the exit status: 130 when
    interrupted, 1 when something failed or none of the jobs had anything to judge."""
    heed_signals()  # Dagster ends the step, the worker checkpoints
    prepare_home()
    outcomes: list[Outcome] = []
    try:
        with dg.DagsterInstance.get() as instance:
            for run_id in release_dead_runs(instance):
                print(f"run {run_id[:8]} had been killed; its place in the pool is free again")
            for job in jobs:
                outcomes += _run_job(instance, definitions.resolve_job_def(job), left_out)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    if jobs and not outcomes and JUDGING.issuperset(jobs):
        raise MissingInputError(
            "there is nothing to judge: no run is trained",
            remedy="run `make train-scenarios` or `make train` first",
        )
    failed = [outcome for outcome in outcomes if not outcome.success]
    for outcome in failed:
        name = f"{outcome.job} {outcome.scenario or ''}".strip()
        print(f"FAILED {name}: {outcome.message}", file=sys.stderr)
    return 1 if failed else 0


def _run_job(
    instance: dg.DagsterInstance, job: dg.JobDefinition, left_out: LeftOut
) -> list[Outcome]:
    keys = job.partitions_def.get_partition_keys() if job.partitions_def else [None]
    outcomes = []
    for key in keys:
        why = left_out(job.name, key)
        if why is None:
            outcomes.append(_run(instance, job, key))
        else:
            print(f"== {f'{job.name} {key or str()}'.strip()}\n   {why}, left out", flush=True)
    return outcomes


def _run(instance: dg.DagsterInstance, job: dg.JobDefinition, scenario: str | None) -> Outcome:
    began = time.monotonic()
    print(f"== {job.name} {scenario}" if scenario else f"== {job.name}", flush=True)
    run_id, errors = str(uuid.uuid4()), list[str]()

    def on_event(entry: dg.EventLogEntry) -> None:
        if is_interruption(entry):
            # Only a run that is being cancelled ends as cancelled; others would end as failed.
            run = instance.get_run_by_id(run_id)
            assert run is not None, "it has just logged this"
            instance.report_run_canceling(run)
        else:
            show(entry, errors)

    instance.add_event_listener(run_id, on_event)
    make_runs_of_this_location(instance, job)
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
