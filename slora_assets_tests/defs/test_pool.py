"""Steps of one pool wait for each other, in whichever process they run; others don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from slora_assets_tests.small_graph import PROJECT

# Steps without a pool end once the other has begun. Of the pool's, the first ends once the second
# has begun or waits for its place: so it had the chance to begin. The second asks for its place
# when the first has it, because two that ask in the same instant may both get it from SQLite; the
# lock that every worker takes on the accelerator keeps those apart.
_GRAPH = """
import pathlib, time
import dagster as dg

def begun(name):
    return pathlib.Path(f"{name}.began").exists()

def note(name):
    path = pathlib.Path(name)
    path.with_suffix(".partial").write_text(str(time.monotonic_ns()))
    path.with_suffix(".partial").rename(path)

def run(name, until):
    note(f"{name}.began")
    wait(until)
    note(f"{name}.ended")

def wait(until):
    deadline = time.monotonic() + 300
    while not until():
        assert time.monotonic() < deadline, "the other process neither ran nor waited"
        time.sleep(0.05)

@dg.asset
def free_one() -> None:
    run("free_one", lambda: begun("free_two"))

@dg.asset
def free_two() -> None:
    run("free_two", lambda: begun("free_one"))
    wait(lambda: begun("pooled_one"))

@dg.asset(deps=[free_one], pool="gpu")
def pooled_one(context: dg.AssetExecutionContext) -> None:
    pool = context.instance.event_log_storage.get_concurrency_info
    run("pooled_one", lambda: begun("pooled_two") or pool("gpu").pending_step_count)

@dg.asset(deps=[free_two], pool="gpu")
def pooled_two() -> None:
    run("pooled_two", lambda: True)

defs = dg.Definitions([free_one, free_two, pooled_one, pooled_two],
                      executor=dg.in_process_executor)
"""


def test_steps_of_one_pool_run_one_at_a_time_and_others_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two.py").write_text(_GRAPH)
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)):
        pass  # two processes must not set up one home at the same time
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", "two.py", "--select"]
    processes = [
        subprocess.Popen(
            [*command, f"free_{name},pooled_{name}"],
            env=os.environ | {"DAGSTER_HOME": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in processes:
        said = process.communicate()[1]
        assert process.returncode == 0, said
    assert _overlap(tmp_path, "free_one", "free_two")
    assert not _overlap(tmp_path, "pooled_one", "pooled_two")


def _overlap(folder: Path, *names: str) -> bool:
    """Whether two steps ran at the same time, by the machine's one clock."""
    began, ended = (
        [int((folder / f"{name}.{edge}").read_text()) for name in names]
        for edge in ("began", "ended")
    )
    return max(began) < min(ended)
