"""The command line's verbs: what is wrong is one line, whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from slora_assets.defs.launch.jobs_in_turn import run_groups

_VERBS = [sys.executable, "-m", "slora_assets.defs.launch"]


def _said(
    arguments: list[str], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_VERBS, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"DAGSTER_HOME": str(folder)} | environment,
    )


@pytest.mark.parametrize("arguments", [[], ["prepocess"], ["data", "trian"]])
def test_a_mistyped_verb_is_told_with_the_known_ones(tmp_path: Path, arguments: list[str]) -> None:
    done = _said(arguments, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ") and "train-scenarios" in done.stderr


def test_a_dataset_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    done = _said(["data"], tmp_path, SLORA_DATASET="nope")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "nope" in line and "sample" in line


def test_release_needs_no_configuration(tmp_path: Path) -> None:
    assert _said(["release"], tmp_path, SLORA_DATASET="nope").returncode == 0


def test_a_workspace_has_one_history_whatever_folder_one_is_in(tmp_path: Path) -> None:
    workspace = tmp_path / "a workspace"
    for folder in (tmp_path / "here", tmp_path / "there"):
        folder.mkdir()
        environment = os.environ | {"SLORA_WORKSPACE": str(workspace)}
        environment.pop("DAGSTER_HOME", None)
        subprocess.run([*_VERBS, "release"], cwd=folder, env=environment, check=True)
        assert list(folder.iterdir()) == []
    home = workspace / ".dagster"
    assert (home / "history" / "runs.db").is_file()
    assert "pools: {default_limit: 1" in (home / "dagster.yaml").read_text()


def test_the_ui_lists_the_command_line_s_runs_under_the_code_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def first() -> None:
        nothing()

    @dg.job
    def second() -> None:
        nothing()

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    definitions = dg.Definitions(jobs=[first, second])
    assert run_groups(lambda: definitions, [["first"], ["second"]]) == 0
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(
            dg.RunsFilter(tags={".dagster/repository": "__repository__@slora"})
        )
    # The timeline leaves out a run without an origin; the pages of jobs ask for the tag.
    origins = {run.job_name: run.remote_job_origin for run in runs}
    assert set(origins) == {"first", "second"}
    for name, origin in origins.items():
        assert origin is not None and origin.job_name == name
        assert origin.location_name == "slora"
