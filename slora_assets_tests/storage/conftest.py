"""Machines that share a store: small curated workspaces, and empty ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets_tests.folder_dataset import HELD_OUT, curated, folder_workspace, write_scenario
from slora_assets_tests.workspaces import choose

Elsewhere = Callable[[str], Workspace]

_SCENARIOS = ("boat", "crane")


@pytest.fixture(scope="session")
def curated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios of three clips, curated, and files of a run of each."""
    root = tmp_path_factory.mktemp("stored") / "here"
    names = [f"{one}_{kind}" for one in ("first", "second", HELD_OUT) for kind in _SCENARIOS]
    captions = {name: [f"a {name.rpartition('_')[2]}"] for name in names}
    with pytest.MonkeyPatch.context() as patch:
        workspace = choose(folder_workspace(root, captions), patch)
        for name in _SCENARIOS:
            write_scenario(workspace, name, name)
        curated(workspace)
        for name in _SCENARIOS:
            write_manifest(workspace, name)
            put_run(workspace, name, b"first")
    return root


@pytest.fixture
def here(curated_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of it that a test may change, and that the environment names."""
    root = Path(shutil.copytree(curated_once, tmp_path / "here"))
    dataset = root / "configs/data/harbours.yaml"
    return choose(
        {
            "SLORA_WORKSPACE": str(root),
            "SLORA_CONFIGS": str(root / "configs"),
            "SLORA_DATASET": str(dataset),
        },
        monkeypatch,
    )


def put_run(workspace: Workspace, name: str, content: bytes) -> None:
    """Files as a run leaves them."""
    state = workspace.scenario_run(name) / "state" / "weights.bin"
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_bytes(content * 100_000)
    (workspace.scenario_run(name) / "manifest.json").write_text("{}")


@pytest.fixture
def elsewhere(here: Workspace, tmp_path: Path) -> Elsewhere:
    """Another machine: the same configuration, and nothing else."""

    def made(name: str) -> Workspace:
        root = tmp_path / name
        shutil.copytree(here.root / "configs", root / "configs")
        return Workspace(root, root / "configs", root / "configs/data/harbours.yaml")

    return made
