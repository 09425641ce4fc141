"""How many workers are started where a container or a person allows fewer cores than there are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError
from slora_assets.processes import cores as asked
from slora_assets.processes.cluster.command import _environment
from slora_assets.processes.preloading import configure_libraries
from slora_assets_tests.workspaces import below


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups of a machine with eight cores, in place of this one's."""
    root, mine = tmp_path / "cgroup", tmp_path / "mine"
    mine.write_text("0::/pod/container\n")
    monkeypatch.setattr(asked, "_CGROUPS", root)
    monkeypatch.setattr(asked, "_OF_THIS_PROCESS", mine)
    monkeypatch.setattr(asked, "_allotted", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    (root / "pod" / "container").mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"pod/cpu.max": "300000 100000\n", "pod/container/cpu.max": "max 100000\n"}, 3),
        ({"pod/cpu.max": "300000 100000\n", "pod/container/cpu.max": "200000 100000\n"}, 2),
        ({"pod/cpu.max": "6400000 100000\n"}, 8),
        ({"pod/cpu.max": "nonsense\n"}, 8),
    ],
)
def test_a_container_s_limit_is_kept(groups: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        (groups / name).write_text(text)
    assert asked.cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("200000", 2)])
def test_limits_of_the_first_version_are_too(groups: Path, quota: str, expected: int) -> None:
    (groups.parent / "mine").write_text("3:cpuset:/\n2:cpu,cpuacct:/a/host/s/path\n0::/\n")
    (groups / "cpu,cpuacct").mkdir()
    (groups / "cpu,cpuacct" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (groups / "cpu,cpuacct" / "cpu.cfs_period_us").write_text("100000\n")
    assert asked.cores() == expected


def test_who_is_bound_to_cores_starts_no_more_workers(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5})
    assert asked.cores() == 1


@pytest.mark.parametrize(("said", "expected"), [("2", 2), ("64", 8), ("", 8)])
def test_a_person_allows_fewer_and_never_more(
    groups: Path, said: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLORA_CORES", said)
    assert asked.cores() == expected


def test_a_number_of_cores_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "_allotted", None)
    monkeypatch.setenv("SLORA_CORES", "most")
    with pytest.raises(ConfigError, match=r"SLORA_CORES.*'most'.*1 or more"):
        asked.cores()


def test_what_a_cluster_gave_counts(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (groups / "cpu.max").write_text("200000 100000\n")
    monkeypatch.setattr(asked, "_allotted", 3)
    assert asked.cores() == 3


@pytest.mark.parametrize(
    ("limit", "chosen", "threads"),
    [("max", None, None), ("200000", None, "2"), ("200000", "5", "5")],
)
def test_torch_computes_with_as_many_threads_as_it_may_unless_a_person_says_otherwise(
    groups: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    chosen: str | None,
    threads: str | None,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": chosen} if chosen else {})
    (groups / "cpu.max").write_text(f"{limit} 100000\n")
    configure_libraries()
    assert os.environ.get("OMP_NUM_THREADS") == threads


@pytest.mark.parametrize(("chosen", "told"), [(None, None), ("5", "5")])
def test_a_cluster_s_nodes_are_told_what_a_person_chose_and_not_this_machine_s_limit(
    groups: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, told: str | None
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": chosen} if chosen else {})
    (groups / "cpu.max").write_text("200000 100000\n")
    configure_libraries()
    assert _environment(below(groups), "training").get("OMP_NUM_THREADS") == told
