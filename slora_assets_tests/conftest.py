"""One small workspace for the session: rendered footage and its caches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets_tests.small_graph import prepare


@pytest.fixture(scope="session")
def prepared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose `market_floor` is ready to train. Tests copy it before they change it."""
    from slora_assets.base_models.catalogue import open_base
    from slora_assets.caches.embeddings import cache_text
    from slora_assets.caches.latents import cache_latents
    from slora_assets.config.validation import read_validation_prompts
    from slora_assets.curation.manifest import write_manifest
    from slora_assets.curation.stage import curate
    from slora_assets.curation.validation_prompts import prompts_of
    from slora_assets.footage.inventory import take_inventory
    from slora_assets.miniature.scenes.sample_footage import render_sample_footage

    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in prepare(root).items():
            patch.setenv(name, value)
        workspace = Workspace.from_environment()
    dataset, scenarios = read_dataset(workspace.dataset_file)
    render_sample_footage(workspace.raw(dataset.name), clips_per_scenario=12, others=2)
    curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
    clips = write_manifest(workspace, "market_floor").usable()
    write_manifest(workspace, "stage")
    with pytest.raises(CurationError):  # it has no footage, and its manifest says so
        write_manifest(workspace, "lighthouse")
    base = open_base("miniature", workspace.models)
    cache_latents(clips, base, root, workspace.quarantine, "cpu")
    asked = prompts_of(read_validation_prompts(workspace.validation_prompts), "market_floor", clips)
    texts = [p for c in clips for p in c.prompts] + [p.text for p in asked]
    cache_text(texts, base, workspace.text_embeddings, "cpu")
    return root


@pytest.fixture
def workspace(prepared_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the prepared workspace that a test may change."""
    root = tmp_path / "workspace"
    shutil.copytree(prepared_root, root)
    for name, value in prepare(root).items():
        monkeypatch.setenv(name, value)
    return Workspace.from_environment()
