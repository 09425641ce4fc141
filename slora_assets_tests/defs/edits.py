"""Edits of the small graph's configuration, each with the assets that read what it edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DATASET: Final = "data/small.yaml"
SCENARIOS: Final = "data/scenarios.yaml"
RECIPE: Final = "training/lora_default.yaml"
PROMPTS: Final = "training/validation_prompts.yaml"
PRESETS: Final = "model/optimized_inference.yaml"


@dataclass(frozen=True)
class Edit:
    """One edit of one file."""

    file: str
    key: str
    value: Any
    stale: frozenset[str]
    """`asset`, or `asset:scenario`."""

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"{Path(self.file).stem}-{self.key or 'comment'}"

    def apply(self, configs: Path) -> Callable[[], None]:
        """Edit the file; returns what takes it back."""
        path = configs / self.file
        before = path.read_text()
        if self.key:
            path.write_text(yaml.safe_dump(_set(yaml.safe_load(before), self.key, self.value)))
        else:
            path.write_text(before + "# nothing that anything reads\n")
        return lambda: _write(path, before)


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _set(settings: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    inner: dict[str, Any] = settings
    *parents, last = key.split(".")
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return settings


def edits(prompts: Mapping[str, list[str]]) -> list[Edit]:
    """All of them, for a graph of which the scenarios that are trained have these written prompts;
    of each scenario's the first is drawn by epochs."""
    scenarios = list(prompts)

    def each(*assets: str) -> frozenset[str]:
        return frozenset(f"{asset}:{name}" for asset in assets for name in scenarios)

    adapters = each("scenario_adapter") | {"unified_adapter"}
    verdicts = each("scenario_validation") | {"unified_validation"}
    metadata = frozenset({"scenario_metadata"})
    found = [
        Edit(RECIPE, key, value, adapters)
        for key, value in (
            ("seed", 7),
            ("epochs", 3),
            ("repeats", 2),
            ("keep_top_k_adapters", 2),
            ("lora.rank", 8),
            ("lora.alpha", 8.0),
            ("lora.targets", ["to_q"]),
            ("optimizer.learning_rate", 1e-4),
            ("optimizer.lr_scheduler", "constant"),
            ("levers.offload_blocks", 1),
            ("validation.steps", 3),
            ("validation.max_clips", 1),
        )
    ]
    found += [
        Edit(RECIPE, "lora.rank", 64, frozenset()),  # its default, spelled out
        Edit(RECIPE, "", None, frozenset()),
        Edit(RECIPE, "base_model", "THUDM/CogVideoX-2b", adapters | {"base_model"}),
        Edit(RECIPE, "scorer", "ViT-B-32:laion2b_s34b_b79k", adapters | {"base_model"}),
        Edit(PROMPTS, "seeds", [1, 2], adapters | verdicts),
        Edit(PROMPTS, "gate.guards.clip_similarity.margin", 0.5, verdicts),
        Edit(PROMPTS, "gate.guards.steadiness", {"margin": 0.1}, verdicts),
        Edit(PROMPTS, "gate.confidence", 0.9, verdicts),
        Edit(PROMPTS, "gate.bootstrap_seed", 5, verdicts),
        Edit(PROMPTS, "gate.veto_margins", 2.0, verdicts),
        Edit(PROMPTS, "gate.same_clip", 0.1, verdicts),
        Edit(PROMPTS, "neutral", ["a desert"], verdicts),
        Edit(PROMPTS, "sweep", [0.9], each("scale_sweep")),
        Edit(PROMPTS, "", None, frozenset()),
        # Prompts are what the clips of all other scenarios are held against.
        Edit(PROMPTS, "scenarios.lighthouse", {"prompts": ["a lighthouse"]}, verdicts),
        Edit(DATASET, "validation_share", 0.3, metadata),
        Edit(DATASET, "licence", "CC-BY-4.0", metadata),
        Edit(DATASET, "max_duration_difference_s", 1.0, metadata),
        Edit(DATASET, "max_reject_share", 0.9, frozenset()),
        Edit(DATASET, "quality.max_cuts", 3, metadata | {"footage"}),
        Edit(PRESETS, "limits.max_steps", 50, frozenset({"inference_presets"})),
        Edit(PRESETS, "seed", 3, frozenset({"inference_presets"})),
        Edit(
            PRESETS,
            "speed.default.steps",
            4,
            verdicts | each("scale_sweep") | {"inference_presets"},
        ),
    ]
    for name, written in prompts.items():
        asked = frozenset(
            {f"prompt_embeddings:{name}", f"scenario_validation:{name}", "unified_validation"}
        )
        drawn = asked | verdicts | {f"scenario_adapter:{name}", "unified_adapter"}
        first, *others = written
        found += [
            Edit(PROMPTS, f"scenarios.{name}.prompts", ["another", *others], drawn),
            Edit(
                PROMPTS, f"scenarios.{name}.prompts", [first, *others, "one more"], asked | verdicts
            ),
            Edit(SCENARIOS, f"scenarios.{name}.keywords", [f"some {name}"], metadata),
            Edit(SCENARIOS, f"scenarios.{name}.description", "something else", metadata),
            Edit(SCENARIOS, f"scenarios.{name}.min_train_clips", 2, metadata),
            Edit(SCENARIOS, f"scenarios.{name}.exclude", ["nobody"], metadata),
        ]
    return found
