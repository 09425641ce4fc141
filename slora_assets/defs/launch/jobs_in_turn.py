"""Runs the project's jobs as `dagster job execute` would.

For every scenario, in one process or in one for each lane, so that a verb over all scenarios pays
Dagster's start-up once. Runs land in the same instance and show in the UI.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import dagster as dg

from slora_assets.config import edge
from slora_assets.config.data import read_dataset
from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.defs.dead_runs import release_dead_runs
from slora_assets.defs.home import prepare_home
from slora_assets.defs.launch.lane import Build
from slora_assets.defs.launch.lanes import Lanes, lanes_of_this_machine
from slora_assets.defs.launch.one_run import Outcome, Task, run_task
from slora_assets.defs.launch.verbs import JUDGING, VERBS, need_models
from slora_assets.defs.launch.waiting import LeftOut, Waiting
from slora_assets.defs.pool import wider_pool
from slora_assets.defs.preloaded import MODELS
from slora_assets.documents import RUN_RECORD
from slora_assets.processes.preloading import preload
from slora_assets.processes.starting import can_fork
from slora_assets.processes.stopping import heed_signals

_INTERRUPTED: Final = 130


def run_verbs(verbs: Sequence[str]) -> int:
    """Run verbs in order; go on past a scenario that fails. Returns the exit status."""
    heed_signals()  # Dagster ends the step, the worker checkpoints
    groups = [group for verb in verbs for group in VERBS[verb]]
    if not groups:
        return run_groups(dg.Definitions, groups)

    def run() -> int:
        lanes = lanes_of_this_machine() if need_models(verbs) else 1
        if lanes == 1 and need_models(verbs) and can_fork():
            # Before a decoder starts the server that workers are forked from as well: once it
            # runs, nothing is added to what it imports. Lanes have servers of their own.
            preload(MODELS)
        return run_groups(_definitions, groups, _left_out(), lanes)

    return edge.exit_status(run)


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

    def why(task: Task) -> str | None:
        if task.scenario in retired:
            return "retired"
        if task.job in JUDGING and not (workspace.run_of(task.scenario) / RUN_RECORD).is_file():
            return "not trained"
        return None

    return why


def _in_work(_task: Task) -> None:
    """Nothing is left out."""


def run_groups(
    build: Build, groups: Sequence[Sequence[str]], left_out: LeftOut = _in_work, lanes: int = 1
) -> int:
    """Run groups of jobs in order, those of a group in so many lanes, in the instance that
    DAGSTER_HOME names; past those that fail and without those that `left_out` gives a reason for.
    Returns the exit status: 130 when interrupted, 1 when something failed or none of the jobs had
    anything to judge."""
    heed_signals()  # Dagster ends the step, the worker checkpoints
    prepare_home()
    definitions = build()
    outcomes: list[Outcome] = []
    try:
        with dg.DagsterInstance.get() as instance, _lanes(build, lanes, instance) as side_by_side:
            for run_id in release_dead_runs(instance):
                print(f"run {run_id[:8]} had been killed; its place in the pool is free again")
            named = [[definitions.resolve_job_def(name) for name in group] for group in groups]
            if lanes > 1 and any(len(jobs) > 1 or jobs[0].partitions_def for jobs in named):
                side_by_side.start()  # they get ready while the first jobs run here
            for jobs in named:
                waiting = Waiting((task for job in jobs for task in _tasks(job)), left_out)
                if lanes > 1 and len(waiting) > 1:
                    with wider_pool(instance, lanes):
                        outcomes += side_by_side.run(waiting)
                while task := waiting.take():
                    job = definitions.resolve_job_def(task.job)
                    outcomes.append(run_task(instance, job, task))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    if groups and not outcomes and all(JUDGING.issuperset(group) for group in groups):
        raise MissingInputError(
            "there is nothing to judge: no run is trained",
            remedy="run `make train-scenarios` or `make train` first",
        )
    failed = [outcome for outcome in outcomes if not outcome.success]
    for outcome in failed:
        print(f"FAILED {outcome.task}: {outcome.message}", file=sys.stderr)
    return 1 if failed else 0


@contextmanager
def _lanes(build: Build, number: int, instance: dg.DagsterInstance) -> Iterator[Lanes]:
    """They end with this. What a killed one held in the pool, the next waits for."""
    lanes = Lanes(build, number, lambda: release_dead_runs(instance))
    try:
        yield lanes
    finally:
        lanes.end()


def _tasks(job: dg.JobDefinition) -> list[Task]:
    keys = job.partitions_def.get_partition_keys() if job.partitions_def else [None]
    return [Task(job.name, key) for key in keys]
