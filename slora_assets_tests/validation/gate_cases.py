"""Pairs, footage and settings that the gate is asked about in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from slora_assets.config.validation import GateSettings, Guard, read_validation_prompts
from slora_assets.documents import FootageClip, GateDecision, PromptPair
from slora_assets.validation.gate.decision import judge
from slora_assets_tests.small_graph import PROJECT

MARGIN = 0.01
SETTINGS = GateSettings(
    guards={"temporal": Guard(margin=MARGIN), "likeness": Guard(margin=0.02, improves=True)},
    bootstrap_samples=2000,
)
SHIPPED = read_validation_prompts(
    PROJECT / "configs/training/validation_prompts.yaml"
).gate.model_copy(update={"bootstrap_samples": 500})
MOST_LIKE = {"likeness": 0.25}


def pair(prompt: object, delta: float, **changes: Any) -> PromptPair:
    """One prompt on which the adapter's temporal score is `delta` above the base's 0.9, and which
    its clip shows better."""
    name = f"{prompt:03}" if isinstance(prompt, int) else prompt
    fields = {
        "prompt_id": name,
        "seed": 1,
        "counts_as": name,
        "base": {"temporal": 0.9, "likeness": 0.2},
        "adapter": {"temporal": 0.9 + delta, **MOST_LIKE},
        "base_frozen": False,
        "adapter_frozen": False,
        "difference": 0.1,
    }
    return PromptPair.model_validate(fields | changes)


def pairs(deltas: Iterable[float], **changes: Any) -> list[PromptPair]:
    return [pair(i, delta, **changes) for i, delta in enumerate(deltas)]


def decide(
    given_pairs: Sequence[PromptPair],
    settings: GateSettings = SETTINGS,
    footage: Sequence[FootageClip] = (),
) -> GateDecision:
    return judge(given_pairs, footage, settings, trusted=True, untrusted_reason=None)


def guarding(metric: str = "temporal", **guard: Any) -> GateSettings:
    """As SETTINGS, with another guard of a metric."""
    guards = SETTINGS.guards | {metric: Guard.model_validate(guard)}
    return SETTINGS.model_copy(update={"guards": guards})


def shown(values: Iterable[float], metric: str = "temporal") -> list[FootageClip]:
    """Footage that scores these values."""
    return [
        FootageClip(
            clip_id=f"clip {i}", split="validation", caption="a clip", scores={metric: value}
        )
        for i, value in enumerate(values)
    ]


def noise(n: int, sd: float, mean: float = 0.0, seed: int = 0) -> list[float]:
    """Normal differences with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return [float(v) for v in mean + sd * values]


# Adapters that a person would know at a glance, judged by the gate that is shipped

FOOTAGE = {
    "clip_similarity": (0.30, 0.01),
    "scenario_margin": (0.05, 0.01),
    "steadiness": (0.975, 0.004),
    "motion_jitter": (0.10, 0.02),
    "motion_speed": (0.40, 0.06),
}
"""What the footage's clips score: mean and standard deviation."""

BASE = FOOTAGE | {
    "clip_similarity": (0.25, 0.01),
    "scenario_margin": (0.01, 0.01),
    "motion_speed": (0.20, 0.06),
}
SUBJECTS, MOTIONS = 8, 4


def _drawn(scores: Mapping[str, tuple[float, float]], n: int, seed: int) -> list[dict[str, float]]:
    columns = {
        name: noise(n, sd, mean, seed + 10 * number)
        for number, (name, (mean, sd)) in enumerate(scores.items())
    }
    return [{name: column[i] for name, column in columns.items()} for i in range(n)]


def judged(
    adapter: Mapping[str, tuple[float, float]],
    footage: Mapping[str, tuple[float, float]] | None = FOOTAGE,
    base: Mapping[str, tuple[float, float]] = BASE,
    **changes: Any,
) -> GateDecision:
    """The shipped gate's decision on clips that score so; of 8 subjects in 4 motions each."""
    n = SUBJECTS * MOTIONS
    sides = zip(_drawn(base, n, seed=1), _drawn(adapter, n, seed=2), strict=True)
    made = [
        pair(
            i,
            0,
            labels={"subject": str(i % SUBJECTS), "motion": str(i // SUBJECTS)},
            base=before,
            adapter=after,
            **changes,
        )
        for i, (before, after) in enumerate(sides)
    ]
    scores = [] if footage is None else _drawn(footage, 12, seed=3)
    clips = [
        FootageClip(clip_id=str(i), split="validation", caption="a clip", scores=one)
        for i, one in enumerate(scores)
    ]
    return decide(made, SHIPPED, clips)
