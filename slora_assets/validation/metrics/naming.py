"""What each metric is called, its unit and its better direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from slora_assets.documents import RunVerdict

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Metric:
    """How a metric is told to people."""

    label: str
    unit: str
    better: Better
    says: str


METRICS: Final[Mapping[str, Metric]] = {
    "clip_similarity": Metric(
        "CLIP similarity", "cosine, -1 to 1", "higher", "how well the frames show the prompt"
    ),
    "scenario_margin": Metric(
        "Scenario margin",
        "difference of cosines",
        "higher",
        "by how much better than other scenarios' prompts",
    ),
    "steadiness": Metric(
        "Steadiness",
        "0 to 1",
        "higher",
        "what stays the same from frame to frame when motion is taken out",
    ),
    "motion_jitter": Metric(
        "Motion jitter", "shorter sides per second", "lower", "shaking, jumps and flicker"
    ),
    "motion_speed": Metric(
        "Motion speed", "shorter sides per second", "higher", "speed of what moves"
    ),
    "moving_share": Metric("Moving share", "0 to 1", "neither", "share of the picture that moves"),
    "temporal_consistency": Metric(
        "Temporal consistency",
        "0 to 1",
        "higher",
        "steadiness, less where it is slower than footage",
    ),
    "held_out_loss": Metric(
        "Held-out loss", "denoising loss", "lower", "on clips that aren't trained on"
    ),
    "combined": Metric("Combined score", "weighted sum", "higher", "which epochs are kept by"),
    "frozen_samples": Metric("Frozen clips", "clips", "lower", "clips in which nothing moves"),
    "samples": Metric("Clips", "clips", "neither", "how many the means are over"),
}
"""docs/howto/reading_a_verdict.md says it at length."""


def metric_of(name: str, higher_is_better: bool | None = None) -> Metric:
    """A metric as people are told of it; which way is better, its guard says where it has one."""
    known = METRICS.get(name) or Metric(name.replace("_", " "), "", "neither", "")
    if higher_is_better is None:
        return known
    return replace(known, better="higher" if higher_is_better else "lower")


def guarded_ways(verdict: RunVerdict) -> dict[str, bool]:
    """Guarded metric to whether higher was better; none where an older verdict doesn't say."""
    guards = verdict.question.gate.get("guards", {}) if verdict.question else {}
    way = "higher_is_better"
    return {name: guard[way] for name, guard in guards.items() if way in guard}


def in_order(name: str) -> tuple[int, str]:
    """Where a metric stands in tables: as METRICS has it, others after those."""
    known = [*METRICS]
    return (known.index(name) if name in METRICS else len(known), name)
