"""A project with everything in it that can be verified: curated footage, first frames and arrays of
a scenario, its run, the verdict on it, a promotion and a generated clip. All of it is real, made
once for the session; tests change copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from api.store.artifact_store import ArtifactStore
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.scenario import CACHES, ScenarioCache
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.deployment.promotion import promote
from slora_assets.documents import ADAPTER_RECORD
from slora_assets.provenance.ledger import put_on_record
from slora_assets.provenance.records import read_run_record
from slora_assets.validation.stage import validate_run
from slora_assets_tests.governance.made import SCENARIO
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.training.commands import train
from slora_assets_tests.workspaces import choose


@pytest.fixture(scope="session")
def made_project(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(shutil.copytree(prepared_root, tmp_path_factory.mktemp("made") / "project"))
    with pytest.MonkeyPatch.context() as patch:
        _make(choose(_settings(root), patch))
    return root


def _settings(root: Path) -> dict[str, str]:
    """The small graph's; two steps of training are little, and count as an effect here."""
    environment = prepare(root)
    prompts = root / "configs/training/validation_prompts.yaml"
    prompts.write_text(prompts.read_text() + "  min_effect: 0.0001\n")
    return environment


def _make(workspace: Workspace) -> None:
    index = workspace.first_frame_index(SCENARIO)
    clips = read_manifest(workspace.manifest(SCENARIO)).clips
    cache_first_frames(clips, workspace.root, index, workspace.quarantine)
    put_on_record(workspace, "first_frames", index, parents=[workspace.manifest(SCENARIO)])
    for cache in CACHES:
        assert ScenarioCache(cache, workspace, SCENARIO).standing() is not None
    run = workspace.scenario_run(SCENARIO)
    assert train(workspace, run.parent).status == 0
    settings = read_validation_prompts(workspace.validation_prompts)
    validate_run(workspace, run, settings, lambda _: None, lambda: False)
    sha256 = read_run_record(run).best.sha256
    promote(workspace, SCENARIO, "Zoë", "for the tests", override_inconclusive=True)
    frames = np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3), np.uint8)
    facts = {"adapter_sha256": sha256, "scenario": SCENARIO, "prompt": "a red cart"}
    record = workspace.registry / sha256 / ADAPTER_RECORD
    parents = [record, workspace.changelog]
    ArtifactStore(workspace).publish(frames, 8.0, facts, parents)


@pytest.fixture
def project(made_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy that a test may change."""
    root = Path(shutil.copytree(made_project, tmp_path / "project"))
    workspace = choose(_settings(root), monkeypatch)
    shutil.copytree(made_project / "configs", root / "configs", dirs_exist_ok=True)  # promoted
    return workspace
