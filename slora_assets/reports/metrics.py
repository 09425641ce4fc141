"""What each metric is called, its unit and its better direction; and the tables of a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import GuardedMetric, RunVerdict

Better = Literal["higher", "lower", "neither"]
State = Literal["within", "beyond", "open"]


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

_HELD_AGAINST: Final = {
    "base": "the base's clips",
    "base_or_footage": "the base's clips, or the footage where that is worse",
    "footage": "the footage",
}
_STATES: Final[Mapping[State, str]] = {
    "within": "within its limit",
    "beyond": "beyond its limit",
    "open": "not shown to be within its limit",
}


@dataclass(frozen=True)
class MeanRow:
    """A metric of the three columns."""

    name: str
    metric: Metric
    base: float | None
    adapter: float | None
    footage: float | None
    guarded: bool


@dataclass(frozen=True)
class GuardRow:
    """A guarded metric, and how it came out."""

    name: str
    metric: Metric
    held_against: str
    found: GuardedMetric
    limit: float
    """The mean difference must be shown to lie above it."""
    state: State
    state_text: str


def metric_of(name: str, guard: Guard | None = None) -> Metric:
    """A metric as people are told of it; of one that is not known here, what its guard says."""
    better: Better = "neither"
    if guard is not None:
        better = "higher" if guard.higher_is_better else "lower"
    return METRICS.get(name) or Metric(name.replace("_", " "), "", better, "")


def plain(text: str) -> str:
    """A sentence of the gate with metrics called as people call them."""

    def said(found: re.Match[str]) -> str:
        known = METRICS.get(found[0])
        if known is None or "_" not in found[0]:
            return found[0]
        label = known.label if known.label.startswith("CLIP") else known.label.lower()
        return label[0].upper() + label[1:] if found.start() == 0 else label

    named = re.sub(r"[a-z_]+", said, text)
    return re.sub(r"(?<!\w)-(?=\d)", "−", named[:1].upper() + named[1:])


def mean_rows(verdict: RunVerdict) -> list[MeanRow]:
    """Every metric of base, adapter and footage, those that are known here first."""
    sides = (verdict.base_scores, verdict.adapter_scores, verdict.footage_scores)
    rows = []
    for name in sorted(_numbers(sides), key=_place):
        base, adapter, footage = (_number(side.get(name)) for side in sides)
        guarded = name in verdict.gate.metrics
        rows.append(MeanRow(name, metric_of(name), base, adapter, footage, guarded))
    return rows


def guard_rows(verdict: RunVerdict, gate: GateSettings) -> list[GuardRow]:
    """The guarded metrics, in the order of the means."""
    return [*_guard_rows(verdict.gate.metrics, gate)]


def state_of(found: GuardedMetric) -> State:
    """Where a guarded metric's bounds lie with regard to its limit."""
    limit = -found.margin
    if found.lower is not None and found.lower > limit:
        return "within"
    if found.upper is not None and found.upper < limit:
        return "beyond"
    return "open"


def _guard_rows(metrics: Mapping[str, GuardedMetric], gate: GateSettings) -> Iterator[GuardRow]:
    for name in sorted(metrics, key=_place):
        found, guard = metrics[name], gate.guards.get(name)
        against = _HELD_AGAINST.get(found.yardstick, found.yardstick)
        if guard is not None and guard.least_share is not None and found.yardstick == "footage":
            against = f"{guard.least_share:.0%} of the footage"
        state = state_of(found)
        yield GuardRow(
            name=name,
            metric=metric_of(name, guard),
            held_against=against,
            found=found,
            limit=-found.margin or 0.0,
            state=state,
            state_text=_STATES[state],
        )


def _place(name: str) -> tuple[int, str]:
    """Where a metric stands in tables: as METRICS has it, others after those."""
    known = [*METRICS]
    return (known.index(name) if name in METRICS else len(known), name)


def _numbers(sides: tuple[Mapping[str, Any], ...]) -> set[str]:
    """Names under which any side has a number."""
    return {name for side in sides for name in side if _number(side[name]) is not None}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
