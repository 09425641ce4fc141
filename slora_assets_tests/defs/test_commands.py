"""Dagster's own commands, from any folder, whether a history is named or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets_tests.small_graph import prepare


@pytest.mark.parametrize("named", [True, False], ids=["DAGSTER_HOME", "no DAGSTER_HOME"])
def test_an_asset_is_materialized_from_any_folder(
    workspace: Workspace, tmp_path: Path, named: bool
) -> None:
    manifest = workspace.manifest("market_floor")
    before = manifest.read_bytes()
    manifest.unlink()
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    home.mkdir()
    environment = os.environ | prepare(workspace.root) | {"DAGSTER_HOME": str(home)}
    if not named:
        del environment["DAGSTER_HOME"]
    command = [sys.executable, "-m", "dagster", "asset", "materialize"]
    asked = ["--select", "scenario_manifest", "--partition", "market_floor"]
    done = subprocess.run(
        [*command, *asked, "-m", "slora_assets.definitions"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert manifest.read_bytes() == before
    assert (home / "history" / "runs.db").is_file() == named
    assert ("DAGSTER_HOME is not set" in done.stderr) == (not named)
    assert list(elsewhere.iterdir()) == []


def test_who_names_no_scenario_is_told_those_that_there_are(
    workspace: Workspace, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "latents"]
    done = subprocess.run(
        [*command, "--partition", "harbour", "-m", "slora_assets.definitions"],
        cwd=tmp_path,
        env=os.environ | prepare(workspace.root) | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    [said] = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "no such scenario; found 'harbour'; expected one of [" in said
    assert "market_floor" in said and "Remedy: " in said
