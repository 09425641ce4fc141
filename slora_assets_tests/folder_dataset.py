"""A workspace on a folder of clips of a few frames, with captions beside them: footage that takes
no time to make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slora_assets.config.data import read_dataset
from slora_assets.config.workspace import Workspace
from slora_assets.curation.stage import curate
from slora_assets.documents import ScenarioMetadata
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.inventory import take_inventory
from slora_assets_tests.small_graph import prepare

DATASET = """\
name: harbours
format: folder
annotations: [footage]
footage: footage
scenarios: seas
licence: CC0-1.0
use: tests
"""
HELD_OUT = "held_out"
"""Clips whose names begin so are the dataset's official validation clips."""


def folder_workspace(root: Path, clips: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Write a workspace with `clips`, id to captions, and no scenario yet; returns the environment
    that selects it. The dataset names its scenarios `seas`."""
    environment = prepare(root)
    (root / "configs/data/harbours.yaml").write_text(DATASET)
    (root / "footage").mkdir()
    for number, (name, captions) in enumerate(clips.items()):
        add_clip(root, name, captions, number)
    return environment | {"SLORA_DATASET": str(root / "configs/data/harbours.yaml")}


def add_clip(root: Path, name: str, captions: Sequence[str], grey: int) -> None:
    """A clip of one grey, with its captions."""
    frames = np.full((9, 32, 48, 3), 10 * grey, np.uint8)
    write_mp4(root / "footage" / f"{name}.mp4", frames, 8)
    said = {
        "captions": list(captions),
        "split": "validate" if name.startswith(HELD_OUT) else "train",
    }
    (root / "footage" / f"{name}.json").write_text(json.dumps(said))


def curated(workspace: Workspace) -> ScenarioMetadata:
    """Sort the clips as they are now."""
    dataset, scenarios = read_dataset(workspace.dataset_file)
    return curate(dataset, scenarios, take_inventory(dataset, workspace), workspace).whole()


def write_scenario(workspace: Workspace, name: str, *keywords: str, more: str = "") -> Path:
    """Write a small file by hand."""
    path = workspace.configs / "data/seas" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    words = ", ".join(keywords)
    path.write_text(
        f"description: a {name}\nkeywords: [{words}]\nmin_matching_captions: 1\n"
        f"min_train_clips: 1\n{more}"
    )
    return path
