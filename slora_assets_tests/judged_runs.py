"""Validated runs with clips, as `make validate` leaves them, without a model: scenarios with given
prompts, a few frames per clip, and measurements."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from ruamel.yaml import YAML

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import (
    RUN_RECORD,
    VERDICT_FILE,
    DatasetEntry,
    PairedMeasurements,
    PromptPair,
    RunVerdict,
    ScenarioEntry,
    ScenarioManifest,
)
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import sha256_bytes, write_json
from slora_assets.validation.question import question_of
from slora_assets_tests.made_runs import run_record, verdict
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import below

PRESETS: Final = Path(__file__).parents[1] / "configs" / "model" / "optimized_inference.yaml"
GATE: Final = {"guards": {"likeness": {"margin": 0.1, "improves": True}}}
SEED: Final = 7


def judged_workspace(root: Path, prompts: Mapping[str, Sequence[str]]) -> Workspace:
    """A workspace in which each scenario of `prompts` has a run with a verdict and clips."""
    workspace = below(root)
    write_prompts(workspace, prompts)
    workspace.dataset_file.parent.mkdir()
    workspace.dataset_file.write_text("name: sample\n")
    workspace.presets.parent.mkdir()
    shutil.copy(PRESETS, workspace.presets)
    for scenario in prompts:
        write_manifest(workspace, scenario)
        validate(workspace, scenario)
    return workspace


def write_manifest(workspace: Workspace, scenario: str) -> None:
    """The manifest of a scenario without clips."""
    entry = ScenarioEntry(
        description=scenario,
        any_caption=0,
        matched=0,
        missing=0,
        unusable=0,
        train=0,
        validation=0,
        test=0,
        min_train_clips=0,
        min_validation_clips=0,
        shortfall=None,
    )
    manifest = ScenarioManifest(
        scenario=scenario,
        dataset=DatasetEntry(name="sample", licence="CC0", use="tests", annotations={}),
        entry=entry,
        dataset_hash="3" * 64,
        clips=[],
    )
    write_json(workspace.manifest(scenario), manifest.model_dump(mode="json"))


def write_prompts(workspace: Workspace, prompts: Mapping[str, Sequence[str]]) -> None:
    """The file of fixed prompts."""
    path = workspace.validation_prompts
    path.parent.mkdir(parents=True, exist_ok=True)
    scenarios = {name: {"prompts": [*texts]} for name, texts in prompts.items()}
    with path.open("w", encoding="utf-8") as stream:
        content = {"schema_version": 1, "seeds": [SEED], "scenarios": scenarios, "gate": GATE}
        YAML(typ="safe").dump(content, stream)


def validate(workspace: Workspace, scenario: str, weights: bytes = b"weights") -> None:
    """A run with an adapter of these weights, its verdict, clips and measurements; clips of the
    base are bright and small, the adapter's noisy and large."""
    sha256 = sha256_bytes(scenario.encode() + weights)
    document = run_record(scenario, sha256)
    write_json(workspace.scenario_run(scenario) / RUN_RECORD, document)
    put_run_on_record(workspace, scenario)
    settings = read_validation_prompts(workspace.validation_prompts)
    question = question_of(workspace, workspace.scenario_run(scenario), settings)
    asked = question.prompts
    folder = workspace.validation(scenario)
    random = np.random.default_rng([*sha256.encode()])
    for number, prompt in enumerate(asked):
        name = f"{prompt.id}_{SEED}.mp4"
        still = np.full((9, 16, 16, 3), 10 + 20 * number, np.uint8)
        noise = random.integers(0, 255, still.shape).astype(np.uint8)
        write_mp4(folder / "samples" / "base" / name, still, 8)
        write_mp4(folder / "samples" / "adapter" / name, noise, 8)
    pairs = [_measured(prompt, i) for i, prompt in enumerate(asked)]
    measured = PairedMeasurements(pairs=pairs, footage=[])
    write_json(folder / "pairs.json", measured.model_dump(mode="json"))
    found = verdict(scenario, sha256) | {
        "validation_hash": question.hash,
        "served": {"scale": question.serving.scale, "steps": 2, "guidance_scale": 3.0},
        "adapter_scores": {"samples": len(asked)},
    }
    RunVerdict.model_validate(found)
    write_json(folder / VERDICT_FILE, found)
    put_run_on_record(workspace, scenario)


def _measured(prompt: Prompt, number: int) -> PromptPair:
    """The adapter is better by `likeness` on all prompts but each fourth."""
    return PromptPair(
        prompt_id=prompt.id,
        seed=SEED,
        counts_as=prompt.id,
        base={"likeness": 0.5},
        adapter={"likeness": 0.4 if number % 4 == 3 else 0.6},
        base_frozen=False,
        adapter_frozen=False,
        difference=0.2,
    )
