"""Lanes: a verb's jobs run side by side, and whatever ends the verb leaves nothing of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from slora_assets.config.errors import ConfigError
from slora_assets.defs.dead_runs import release_dead_runs
from slora_assets.defs.launch import lanes
from slora_assets.defs.pool import settle_pool, wider_pool
from slora_assets.processes.cores import cores
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import PATIENCE_S, wait_for, wait_for_end_of

# Whoever is `met` ends only when the other is there too; the others never end.
_GRAPH = """
import os, pathlib, time
import dagster as dg
from slora_assets.defs.compute import ComputeResource

PLACE = pathlib.Path(os.environ["DAGSTER_HOME"])

def there(name):
    return (PLACE / f"{name}.there").exists()

@dg.asset(pool="gpu", partitions_def=dg.StaticPartitionsDefinition(["left", "right", "broken"]))
def meeting(context: dg.AssetExecutionContext, compute: ComputeResource) -> None:
    if context.partition_key == "broken":
        raise ValueError("this one is broken")
    mine = [str(os.getpid()), os.environ["SLORA_CORES"], os.environ["CUDA_VISIBLE_DEVICES"]]
    (PLACE / f"{context.partition_key}.there").write_text(" ".join(mine))
    while not (there("left") and there("right")):
        time.sleep(0.05)

@dg.asset(pool="gpu", partitions_def=dg.StaticPartitionsDefinition(["left", "right", "late"]))
def endless(context: dg.AssetExecutionContext, compute: ComputeResource) -> None:
    (PLACE / f"{context.partition_key}.there").write_text(str(os.getpid()))
    time.sleep(600)

def build():
    return dg.Definitions(
        assets=[meeting, endless],
        jobs=[dg.define_asset_job("meet", "meeting"), dg.define_asset_job("stay", "endless")],
        resources={"compute": ComputeResource(preload=[])},
        executor=dg.in_process_executor,
    )
"""
_VERB = (
    "import sys, graph; from slora_assets.defs.launch.jobs_in_turn import run_groups;"
    "sys.exit(run_groups(graph.build, [[sys.argv[1]]], lanes=2))"
)


def _begin(folder: Path, job: str) -> subprocess.Popen[str]:
    (folder / "graph.py").write_text(_GRAPH)
    (folder / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    return subprocess.Popen(
        [sys.executable, "-c", _VERB, job],
        cwd=folder,
        env=os.environ | {"DAGSTER_HOME": str(folder), "CUDA_VISIBLE_DEVICES": "2,5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def _history(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.chdir(folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def _places(instance: dg.DagsterInstance) -> int:
    """In the pool."""
    return instance.event_log_storage.get_concurrency_info("gpu").slot_count


def _ends(instance: dg.DagsterInstance) -> list[tuple[str | None, dg.DagsterRunStatus]]:
    """Scenario and status of each run."""
    runs = instance.get_runs()
    return sorted((run.tags.get("dagster/partition"), run.status) for run in runs)


@pytest.fixture
def staying(tmp_path: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A verb both of whose lanes work on what never ends, and the lanes' processes."""
    verb = _begin(tmp_path, "stay")

    def both() -> list[psutil.Process]:
        said = [tmp_path / f"{name}.there" for name in ("left", "right")]
        found = [file.read_text() for file in said if file.exists()]
        return [psutil.Process(int(pid)) for pid in found if pid] if len(found) == 2 else []

    return verb, wait_for(lambda: len(both()) == 2 and both(), "both lanes' runs")


def test_runs_go_side_by_side_with_their_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb = _begin(tmp_path, "meet")
    said, _ = verb.communicate(timeout=PATIENCE_S)
    with _history(tmp_path, monkeypatch) as instance:
        failed, done = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
        assert _ends(instance) == [("broken", failed), ("left", done), ("right", done)], said
        assert _places(instance) == 1, "the pool is as it was before"
    assert verb.returncode == 1
    assert "\nFAILED meet broken: ValueError: this one is broken\n" in said
    assert "\n   meet left: done in " in said
    left, right = ((tmp_path / f"{name}.there").read_text().split() for name in ("left", "right"))
    assert left[0] != right[0], "two processes"
    assert left[1] == right[1] == str(max(1, cores() // 2))
    assert {left[2], right[2]} == {"2", "5"}, "a GPU for each"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_verb_ends_its_lanes_and_their_runs_as_cancelled(
    staying: tuple[subprocess.Popen[str], list[psutil.Process]],
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb, processes = staying
    verb.send_signal(number)
    said, _ = verb.communicate(timeout=PATIENCE_S)
    assert verb.returncode == 130, said
    wait_for_end_of(*processes)
    cancelled = dg.DagsterRunStatus.CANCELED
    with _history(tmp_path, monkeypatch) as instance:
        assert _ends(instance) == [("left", cancelled), ("right", cancelled)], said
        assert _places(instance) == 1


def test_lanes_end_with_a_verb_that_was_killed_and_the_pool_is_narrowed(
    staying: tuple[subprocess.Popen[str], list[psutil.Process]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb, processes = staying
    verb.kill()
    verb.wait()
    wait_for_end_of(*processes)
    cancelled = dg.DagsterRunStatus.CANCELED
    with _history(tmp_path, monkeypatch) as instance:
        assert _ends(instance) == [("left", cancelled), ("right", cancelled)]
        assert _places(instance) == 2, "nobody has put it right yet"
        release_dead_runs(instance)
        assert _places(instance) == 1


def test_a_killed_lane_fails_its_run_alone(
    staying: tuple[subprocess.Popen[str], list[psutil.Process]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb, (first, second) = staying
    first.kill()
    wait_for((tmp_path / "late.there").exists, "a lane in its place")
    verb.send_signal(signal.SIGINT)
    said, _ = verb.communicate(timeout=PATIENCE_S)
    assert verb.returncode == 130, said
    wait_for_end_of(second)
    with _history(tmp_path, monkeypatch) as instance:
        release_dead_runs(instance)
        ends = dict(_ends(instance))
        assert ends["left"] == dg.DagsterRunStatus.FAILURE
        assert ends["right"] == ends["late"] == dg.DagsterRunStatus.CANCELED
        assert instance.event_log_storage.get_concurrency_info("gpu").claimed_slots == []


def _with(recipe: str, **environment: str) -> Callable[[pytest.MonkeyPatch], int]:
    def asked(patch: pytest.MonkeyPatch) -> int:
        for name in ("SLORA_LANES", "SLORA_COMPUTE", "SLORA_SET"):
            patch.delenv(name, raising=False)
        patch.setenv("SLORA_TRAINING", str(PROJECT / "configs" / "training" / f"{recipe}.yaml"))
        patch.setattr(lanes, "cores", lambda: 3)
        for name, value in environment.items():
            patch.setenv(name, value)
        return lanes.lanes_of_this_machine()

    return asked


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (_with("lora_default"), 3),
        (_with("lora_default", SLORA_LANES="1"), 1),
        (_with("lora_default", SLORA_COMPUTE="ray"), 1),
        (_with("lora_default", SLORA_SET="base_model=THUDM/CogVideoX-2b"), 1),
        (_with("cogvideox_2b"), 1),
        (_with("cogvideox_2b", SLORA_LANES="2"), 2),
        (_with("lora_default", SLORA_COMPUTE="ray", SLORA_LANES="4"), 4),
    ],
)
def test_only_a_small_base_gets_lanes_unasked(
    asked: Callable[[pytest.MonkeyPatch], int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = psutil.virtual_memory()._replace(available=2**36)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert asked(monkeypatch) == expected


def test_the_jobs_of_one_scenario_have_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = PROJECT / "configs" / "data"
    file = tmp_path / "one.yaml"
    file.write_text(f"{(data / 'sample.yaml').read_text()}scenarios: scenarios.yaml\n")
    every = yaml.safe_load((data / "scenarios.yaml").read_text())
    memory = psutil.virtual_memory()._replace(available=2**36)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    for number, expected in ((2, 3), (1, 1)):
        some = dict(list(every["scenarios"].items())[:number])
        (tmp_path / "scenarios.yaml").write_text(yaml.safe_dump(every | {"scenarios": some}))
        assert _with("lora_default", SLORA_DATASET=str(file))(monkeypatch) == expected


def test_there_are_no_more_lanes_than_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()._replace(available=2**32)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert _with("lora_default")(monkeypatch) == 1


@pytest.mark.parametrize("said", ["0", "9", "two", "-1", "1.5", "9" * 5000])
def test_a_number_of_lanes_that_is_none_is_told(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"SLORA_LANES.*from 1 to 8"):
        _with("lora_default", SLORA_LANES=said)(monkeypatch)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with _history(tmp_path, monkeypatch) as instance:
        yield instance


def test_a_persons_own_limit_of_the_pool_comes_back(history: dg.DagsterInstance) -> None:
    history.event_log_storage.set_concurrency_slots("gpu", 2)
    with wider_pool(history, 3):
        assert _places(history) == 3
    assert _places(history) == 2
    with wider_pool(history, 2):
        assert _places(history) == 2, "there were as many"


def test_a_limit_that_a_person_gives_meanwhile_or_afterwards_stays(
    history: dg.DagsterInstance,
) -> None:
    for limit in (5, 6):
        with wider_pool(history, limit + 2):
            history.event_log_storage.set_concurrency_slots("gpu", limit)
        assert _places(history) == limit
        history.event_log_storage.set_concurrency_slots("gpu", limit - 1)
        settle_pool(history)
        assert _places(history) == limit - 1


def test_afterwards_the_pool_follows_the_file_again(
    history: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wider_pool(history, 2):
        pass
    assert _places(history) == 1
    settings = tmp_path / "dagster.yaml"
    settings.write_text(settings.read_text().replace("default_limit: 1", "default_limit: 4"))
    with _history(tmp_path, monkeypatch) as changed:
        release_dead_runs(changed)  # as every verb does, and a sensor
        assert _places(changed) == 4
        with wider_pool(changed, 3):
            assert _places(changed) == 4


def test_two_verbs_widen_it_once(history: dg.DagsterInstance) -> None:
    with wider_pool(history, 2):
        with wider_pool(history, 3):
            assert _places(history) == 2, "it is the first one's"
        assert _places(history) == 2
    assert _places(history) == 1
