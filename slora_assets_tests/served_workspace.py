"""A workspace with a real miniature base and real adapters: one scenario in each state.

market_floor and kitchen are promoted, street has an inconclusive candidate, sports_field a failed
one, stage nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import LoraShape, VideoBase
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.promotion import promote
from slora_assets.footage.encode import write_mp4
from slora_assets.miniature.weights.build import build_base
from slora_assets.provenance import write_text
from slora_assets_tests.base_models.small import acting_adapter
from slora_assets_tests.earned import earn, write_sweep
from slora_assets_tests.made_runs import adapter_file, write_records
from slora_assets_tests.workspaces import below

CONFIGS = Path(__file__).parents[1] / "configs"
SHAPES = {
    "market_floor": LoraShape(4, 4.0, ("to_q", "to_v")),
    "kitchen": LoraShape(8, 16.0, ("to_q", "to_k", "to_v", "to_out.0")),
    "street": LoraShape(4, 4.0, ("to_q",)),
    "sports_field": LoraShape(4, 4.0, ("to_q",)),
}


def made_base(folder: Path) -> VideoBase:
    """A miniature that is small and never learned anything."""
    build_base(folder)
    return open_base(str(folder), folder.parent)


def made_workspace(root: Path, base: VideoBase) -> Workspace:
    """Below `root`; a clip takes two denoising steps."""
    shutil.copytree(CONFIGS, root / "configs")
    made = below(root)
    text = made.presets.read_text()
    text = text.replace("base_model: miniature", f"base_model: {base.folder}")  # type: ignore[attr-defined]
    write_text(made.presets, text.replace("steps: null", "steps: 2"))
    for seed, scenario in enumerate(SHAPES, start=1):
        finish_run(made, base, scenario, seed)
    for scenario in SHAPES:
        earn(made, scenario, "fail" if scenario == "sports_field" else "inconclusive")
    for scenario in ("market_floor", "kitchen"):
        # So that requests may ask for any strength that the shipped presets allow.
        swept = [0.0, *read_validation_prompts(made.validation_prompts).sweep, 1.5]
        write_sweep(made, scenario, dict.fromkeys(swept, "inconclusive"), best=0.85)
        promote(made, scenario, "Zoë", "for the tests", override_inconclusive=True)
    return made


def finish_run(workspace: Workspace, base: VideoBase, scenario: str, seed: int) -> None:
    """A run as training and validation leave it; its adapter acts, and isn't trained."""
    shape, file = SHAPES[scenario], adapter_file(workspace, scenario)
    file.parent.mkdir(parents=True)
    transformer = acting_adapter(base, shape, seed, size=0.1)
    base.save_adapter(transformer, shape, {"slora.seed": str(seed)}, file)
    noise = np.random.default_rng(seed).integers(0, 255, (9, 16, 16, 3)).astype(np.uint8)
    write_mp4(workspace.validation(scenario) / "samples" / "adapter" / "first.mp4", noise, 8)
    answer = "fail" if scenario == "sports_field" else "inconclusive"
    identity = base.identity().model_dump(mode="json")
    write_records(workspace, scenario, answer, trusted=False, base=identity, shape=shape)
