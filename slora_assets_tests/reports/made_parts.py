"""Configuration, records and logs of the run that `made.py` judges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    Clip,
    DatasetEntry,
    MatchingEvidence,
    ScenarioEntry,
    ScenarioManifest,
)
from slora_assets.provenance import write_text
from slora_assets_tests.made_runs import run_record

RUN: Final = "market_floor"
SHA256: Final = "a" * 64
SEEDS: Final = (1, 2)
STRENGTHS: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
TEXTS: Final = tuple(
    f"a {colour} {thing} at the market"
    for colour in ("red", "blue", "green", "purple")
    for thing in ("person", "cart")
)
GATE: Final[dict[str, Any]] = {
    "min_clips": 8,
    "bootstrap_samples": 200,
    "guards": {
        "clip_similarity": {"yardstick": "footage", "least_share": 0.85, "improves": True},
        "steadiness": {"yardstick": "base_or_footage", "margin": 0.015},
        "motion_jitter": {"yardstick": "footage", "margin": 0.12, "higher_is_better": False},
    },
}


def configure(workspace: Workspace, texts: Sequence[str]) -> None:
    """Prompts with the gate's settings, and presets that serve nothing."""
    for path, content in (
        (
            workspace.validation_prompts,
            {
                "schema_version": 1,
                "seeds": [*SEEDS],
                "scenarios": {RUN: {"prompts": [*texts]}},
                "gate": GATE,
                "sweep": [*STRENGTHS],
            },
        ),
        (
            workspace.presets,
            {
                "schema_version": 1,
                "base_model": "miniature",
                "limits": {
                    "max_prompt_characters": 100,
                    "max_steps": 50,
                    "max_queue": 2,
                    "max_body_bytes": 4096,
                },
                "speed": {"default": {}},
                "presets": {
                    RUN: {
                        "adapter": None,
                        "sha256": None,
                        "scale": 0.85,
                        "scale_min": 0.0,
                        "scale_max": 1.5,
                        "verdict": None,
                    }
                },
            },
        ),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump(content, stream)
    workspace.dataset_file.parent.mkdir()
    workspace.dataset_file.write_text("name: sample\n")


def run_of(clip_id: str) -> dict[str, Any]:
    """`manifest.json` of a run that was trained on one clip."""
    best = {"epoch": 3, "path": "adapters/epoch_3", "sha256": SHA256, "combined": 0.3}
    trained = {"id": clip_id, "sha256": "c" * 64, "scenario": RUN, "split": "train"}
    return run_record(RUN, SHA256) | {
        "clips": [trained],
        "best": best,
        "kept": [best, best | {"epoch": 2, "path": "adapters/epoch_2", "combined": 0.2}],
        "epochs": 3,
        "steps": 30,
        "software": {"slora": "0.1.0"},
    }


def manifest_of(clip_id: str) -> ScenarioManifest:
    """The scenario's manifest, with that clip."""
    clip = Clip(
        id=clip_id,
        source_group="https://example.org/<source>",
        path="data/raw/sample/videos/a.mp4",
        sha256="c" * 64,
        source_start_s=None,
        source_end_s=None,
        official_split=None,
        split="train",
        scenario=RUN,
        evidence=MatchingEvidence(matching_captions=[], captions=1, also_matched=[]),
        captions=["a red cart"],
        prompts=["a red cart"],
        first_frame="data/raw/sample/frames/frame.png",
        latent="data/prepared/latents/a.npz",
    )
    counts = dict.fromkeys(
        ("any_caption", "matched", "train", "min_train_clips", "min_validation_clips"), 1
    ) | dict.fromkeys(("missing", "unusable", "validation", "test"), 0)
    return ScenarioManifest(
        scenario=RUN,
        dataset=DatasetEntry(name="sample", licence="CC0", use="tests", annotations={}),
        entry=ScenarioEntry(description="a market", shortfall=None, **counts),
        dataset_hash="3" * 64,
        clips=[clip],
    )


def write_logs(run: Path) -> None:
    """Three epochs and thirty steps, and the recipe."""
    epochs = []
    for epoch in range(4):
        loss = 1.0 / (1 + epoch)
        epochs.append(
            {
                "epoch": epoch,
                "step": 10 * epoch,
                "held_out_loss": loss,
                "held_out_by_quantile": {"0.1": loss, "0.5": loss * 1.2, "0.9": loss * 2},
                "train_loss": loss if epoch else None,
                "clip_similarity": 0.4 + 0.1 * epoch,
                "temporal_consistency": 0.98 - 0.01 * epoch,
                "combined": 0.1 * epoch if epoch else None,
                "pruned": [{"epoch": 1, "reason": "Epoch 1 ranks 3 of 3."}] if epoch == 3 else [],
            }
        )
    steps = [{"step": step, "loss": 1.0 / step, "epoch": 1 + step // 11} for step in range(1, 31)]
    for name, lines in (("validation_metrics.jsonl", epochs), ("training_log.jsonl", steps)):
        write_text(run / name, "".join(json.dumps(line) + "\n" for line in lines))
    with (run / "config.yaml").open("w", encoding="utf-8") as stream:
        recipe = TrainingSettings(schema_version=1).model_dump(mode="json")
        YAML(typ="safe").dump(recipe, stream)
