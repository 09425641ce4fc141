"""Cancelling leaves no process behind, and dead runs give their pool slots back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData  # how a run's process is recorded

from slora_assets.defs.dead_run_sensor import dead_runs
from slora_assets.defs.dead_runs import release_dead_runs
from slora_assets.defs.run_host import TAG, this_host
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import PATIENCE_S, wait_for, wait_for_end_of

# An asset whose worker starts a child of its own, as `accelerate launch` does, and never ends.
_GRAPH = """
import pathlib, sys
import dagster as dg
from slora_assets.defs.compute import ComputeResource

LAUNCHER = (
    "import subprocess, sys;"
    "from dagster_pipes import open_dagster_pipes;"
    "pipes = open_dagster_pipes();"
    "subprocess.run([sys.executable, '-c',"
    " 'import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"
    " time.sleep(600)', sys.argv[1]])"
)
pathlib.Path("launcher.py").write_text(LAUNCHER)

@dg.asset(pool="gpu")
def endless(context: dg.AssetExecutionContext, compute: ComputeResource) -> None:
    compute.run(context, "launcher", ["child.pid"])

@dg.asset
def after() -> None: ...

defs = dg.Definitions(assets=[endless, after],
                      jobs=[dg.define_asset_job("first", "endless"),
                            dg.define_asset_job("second", "after")],
                      resources={"compute": ComputeResource(grace_seconds=5, preload=[],
                                                            fork_workers=FORK)},
                      executor=dg.in_process_executor)
"""


# Where workers can't be forked, both ways start one afresh and must end it alike.
_HOW = pytest.mark.parametrize("forked", [False, True])
_MATERIALIZE = ["-m", "dagster", "asset", "materialize", "--select", "endless", "-f", "endless.py"]
_VERB = [
    "-c",
    "import sys, endless; from slora_assets.defs.launch.jobs_in_turn import run_groups;"
    "sys.exit(run_groups(lambda: endless.defs, [['first'], ['second']]))",
]


def _start(
    folder: Path, forked: bool, command: list[str] = _MATERIALIZE
) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """Run a command that reaches the endless asset; return it and the worker's own child."""
    folder.mkdir(exist_ok=True)
    (folder / "endless.py").write_text(_GRAPH.replace("FORK", str(forked)))
    (folder / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"DAGSTER_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    child = folder / "child.pid"
    wait_for(lambda: child.exists() and child.read_text(), "the worker's start")
    return process, psutil.Process(int(child.read_text()))


def _claimed(folder: Path) -> int:
    cwd = Path.cwd()
    os.chdir(folder)
    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            release_dead_runs(instance)
            info = instance.event_log_storage.get_concurrency_info("gpu")
            return len(info.claimed_slots)
    finally:
        os.chdir(cwd)


@_HOW
def test_cancelling_ends_the_whole_process_group_and_frees_the_pool(
    tmp_path: Path, forked: bool
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = tmp_path / number.name
        run, child = _start(folder, forked)
        run.send_signal(number)
        assert run.wait(PATIENCE_S) != 0
        wait_for_end_of(child)
        assert _claimed(folder) == 0


@_HOW
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_verb_stops_there_and_its_run_ends_as_cancelled(
    tmp_path: Path, number: signal.Signals, forked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "verb"
    verb, child = _start(folder, forked, _VERB)
    verb.send_signal(number)
    assert verb.wait(PATIENCE_S) == 130
    wait_for_end_of(child)
    monkeypatch.chdir(folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        ended = [(run.job_name, run.status) for run in instance.get_runs()]
    assert ended == [("first", dg.DagsterRunStatus.CANCELED)]


@_HOW
def test_a_killed_run_does_not_keep_its_pool_slot(tmp_path: Path, forked: bool) -> None:
    run, child = _start(tmp_path, forked)
    run.kill()
    run.wait()
    try:
        assert _claimed(tmp_path) == 0
    finally:
        os.killpg(os.getpgid(child.pid), signal.SIGKILL)


def _begun(instance: dg.DagsterInstance, process: int, heard_s_ago: float, **tags: str) -> str:
    """A run that says it is executed by `process`, last heard of a while ago."""

    @dg.job
    def some() -> None: ...

    run = instance.create_run_for_job(some, status=dg.DagsterRunStatus.STARTED, tags=tags)
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ENGINE_EVENT.value,
        job_name="some",
        event_specific_data=EngineEventData.in_process(process),
    )
    instance.handle_new_event(
        dg.EventLogEntry(
            error_info=None,
            level="debug",
            user_message="began",
            run_id=run.run_id,
            timestamp=time.time() - heard_s_ago,
            job_name="some",
            dagster_event=event,
        )
    )
    return run.run_id


def test_a_container_s_successor_ends_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    monkeypatch.setattr("socket.gethostname", lambda: "pod-2")
    gone = subprocess.Popen(["true"])
    gone.wait()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = _begun(instance, gone.pid, 0, **{TAG: "slora-code"})
        assert release_dead_runs(instance) == []  # who it was on isn't here, as far as is known
        monkeypatch.setenv("SLORA_RUN_HOST", "slora-code")
        assert release_dead_runs(instance) == [run]


def test_only_runs_of_this_host_whose_own_process_is_gone_are_ended(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    here = {TAG: this_host()}
    gone = subprocess.Popen(["true"])
    gone.wait()
    unreaped = subprocess.Popen(["true"])
    living = subprocess.Popen(["sleep", "600"])
    time.sleep(2)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("gpu", 9)
        runs = {
            "gone": _begun(instance, gone.pid, 0, **here),
            "ended, unreaped": _begun(instance, unreaped.pid, 0, **here),
            "another's number": _begun(instance, living.pid, 3600, **here),
            "living": _begun(instance, living.pid, 0, **here),
            "of another host": _begun(instance, gone.pid, 0, **{TAG: "elsewhere"}),
            "of nobody knows": _begun(instance, gone.pid, 0),
        }
        for run in runs.values():
            storage.claim_concurrency_slot("gpu", run, "step")
        names = {run: name for name, run in runs.items()}
        told = dead_runs(dg.build_sensor_context(instance=instance))
        assert isinstance(told, dg.SkipReason) and told.skip_message is not None
        ended = [name for name, run in runs.items() if run[:8] in told.skip_message]
        kept = ["living", "of another host", "of nobody knows"]
        assert sorted(ended) == ["another's number", "ended, unreaped", "gone"]
        assert sorted(names[run] for run in storage.get_concurrency_run_ids()) == kept
        unfinished = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert sorted(names[run.run_id] for run in unfinished) == kept
        assert release_dead_runs(instance) == []

        # One that ended while nobody was there to free what it held.
        instance.report_run_failed(instance.get_run_by_id(runs["living"]))
        release_dead_runs(instance)
        assert runs["living"] not in storage.get_concurrency_run_ids()
    unreaped.wait()
    living.kill()
    living.wait()
