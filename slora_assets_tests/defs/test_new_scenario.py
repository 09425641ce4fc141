"""A scenario's small YAML is all it takes: its partition is there for the next command, on an
instance that never saw it; and when it is retired, the graph says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slora_assets.cli import main
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets_tests.folder_dataset import HELD_OUT, folder_workspace, write_scenario
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.workspaces import choose

CLIPS = {"a": ["a boat"], "b": ["a beach"], f"{HELD_OUT}_c": ["a boat"]}
PARTITIONS = (
    "from slora_assets.defs.code_location import build_definitions;"
    "graph = build_definitions().resolve_asset_graph();"
    "import dagster as dg;"
    "print(*graph.get(dg.AssetKey('scenario_adapter')).partitions_def.get_partition_keys())"
)
DATA = "footage,scenario_metadata,scenario_manifest"


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One scenario, and no run yet."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    write_scenario(workspace, "beach", "beach")
    return workspace


def _said(*command: str, status: int = 0) -> str:
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def _materialize(assets: str, partition: str, status: int = 0) -> str:
    dagster = [sys.executable, "-m", "dagster", "asset", "materialize"]
    module = ["-m", "slora_assets.definitions"]
    return _said(*dagster, *module, "--select", assets, "--partition", partition, status=status)


def test_a_new_scenario_is_a_partition_until_it_is_retired_and_after(
    seas: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slora(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["slora", "scenario", *arguments])
        with pytest.raises(SystemExit, match="0"):
            main()

    slora("add", "harbour", *["--keywords", "boat", "--description", "sea", "--min-train", "1"])
    _materialize(DATA, "harbour")
    manifest = read_manifest(seas.manifest("harbour"))
    assert [clip.id for clip in manifest.clips] == ["a", f"{HELD_OUT}_c"]

    for name in ("harbour", "beach"):
        slora("retire", name, "--reason", "low tide")
    assert _said(sys.executable, "-c", PARTITIONS).split() == ["beach", "harbour"]
    told = "harbour gets no clips, no promotion and no training: it is retired: low tide"
    assert told in _materialize("scenario_adapter", "harbour", status=1)
    _materialize(DATA, "harbour")
    manifest = read_manifest(seas.manifest("harbour"))
    assert (manifest.clips, manifest.entry.retired) == ([], True)
    verb = _said(sys.executable, "-m", "slora_assets.defs.launch", "train-scenarios")
    assert "== train_scenarios harbour\n   retired, left out" in verb
