"""A workspace with one scenario ready to train, for benchmarks of the training engine."""

from __future__ import annotations

from pathlib import Path

import peer_data

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.embeddings import cache_text
from slora_assets.caches.latents import cache_latents
from slora_assets.config.data import read_dataset
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.stage import curate
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.footage.inventory import take_inventory
from slora_assets.training.plan import RunPlan, plan_run

CLIPS = 24


def prepare(root: Path, recipe: str, clips: int = CLIPS) -> tuple[Workspace, dict[str, str]]:
    """Render footage, curate it and cache what the recipe's base needs; also the environment that
    selects the workspace."""
    footage = peer_data.render(root / "footage", clips)
    workspace, environment = peer_data.workspace(root / "workspace", footage, recipe)
    dataset, scenarios = read_dataset(workspace.dataset_file)
    curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
    settings = read_settings(workspace.training_config, TrainingSettings)
    base = open_base(settings.base_model, workspace.models)
    chosen = write_manifest(workspace, peer_data.SCENARIO).usable()
    cache_latents(chosen, base, workspace.root, workspace.quarantine, "cpu")
    asked = prompts_of(
        read_validation_prompts(workspace.validation_prompts), peer_data.SCENARIO, chosen
    )
    texts = ["", *(p for c in chosen for p in c.prompts), *(p.text for p in asked)]
    cache_text(texts, base, workspace.text_embeddings, "cpu")
    return workspace, environment


def plan(workspace: Workspace, folder: Path, *overrides: str) -> RunPlan:
    """Plan the scenario's run by the workspace's recipe with overrides."""
    settings = read_settings(workspace.training_config, TrainingSettings, overrides)
    prompts = read_validation_prompts(workspace.validation_prompts)
    return plan_run(workspace, settings, prompts, peer_data.SCENARIO, folder)


def command(workspace: Workspace, output_root: Path, *more: str) -> list[str]:
    """The arguments of the scenarios' training command."""
    return [
        "--metadata",
        str(workspace.scenario_metadata),
        "--config",
        str(workspace.training_config),
        "--prompts",
        str(workspace.validation_prompts),
        "--output-root",
        str(output_root),
        "--scenario",
        peer_data.SCENARIO,
        *more,
    ]
