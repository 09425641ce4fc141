"""Steps of one pool wait for each other, in whichever process they run; others don't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from slora_assets_tests.small_graph import PROJECT

# A step ends once the other process's step runs beside it, or waits for its place in the pool: so
# that steps which may overlap do, and those which may not had the chance to.
_GRAPH = """
import pathlib, time
import dagster as dg

def at(name):
    path = pathlib.Path(name)
    path.with_suffix(".partial").write_text(str(time.monotonic_ns()))
    path.with_suffix(".partial").rename(path)

def run(context, name, other):
    at(f"{name}.began")
    pool = context.instance.event_log_storage.get_concurrency_info
    deadline = time.monotonic() + 60
    while not pathlib.Path(f"{other}.began").exists() and not pool("gpu").pending_step_count:
        assert time.monotonic() < deadline, f"{other} neither ran nor waited"
        time.sleep(0.05)
    at(f"{name}.ended")

def steps(name, other):
    @dg.asset(name=f"free_{name}")
    def free(context: dg.AssetExecutionContext) -> None:
        run(context, f"free_{name}", f"free_{other}")

    @dg.asset(name=f"pooled_{name}", deps=[free], pool="gpu")
    def pooled(context: dg.AssetExecutionContext) -> None:
        run(context, f"pooled_{name}", f"pooled_{other}")

    return [free, pooled]

defs = dg.Definitions(steps("one", "two") + steps("two", "one"), executor=dg.in_process_executor)
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
