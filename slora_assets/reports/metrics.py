"""The tables of a verdict, and its sentences, with metrics called as people call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from slora_assets.config.validation import GateSettings
from slora_assets.documents import GuardedMetric, RunVerdict
from slora_assets.validation.metrics.naming import METRICS, Metric, in_order, metric_of

State = Literal["within", "beyond", "open"]

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
    for name in sorted(_numbers(sides), key=in_order):
        base, adapter, footage = (_number(side.get(name)) for side in sides)
        guarded = name in verdict.gate.metrics
        rows.append(MeanRow(name, metric_of(name), base, adapter, footage, guarded))
    return rows


def guard_rows(verdict: RunVerdict, gate: GateSettings) -> list[GuardRow]:
    """The guarded metrics, in the order of the means."""
    return [*_guard_rows(verdict.gate.metrics, gate)]


def state_of(found: GuardedMetric) -> State:
    """Where a guarded metric's bounds lie with regard to its limit."""
    limit = found.limit
    if found.lower is not None and found.lower > limit:
        return "within"
    if found.upper is not None and found.upper < limit:
        return "beyond"
    return "open"


def _guard_rows(metrics: Mapping[str, GuardedMetric], gate: GateSettings) -> Iterator[GuardRow]:
    for name in sorted(metrics, key=in_order):
        found, guard = metrics[name], gate.guards.get(name)
        against = _HELD_AGAINST.get(found.yardstick, found.yardstick)
        if guard is not None and guard.least_share is not None and found.yardstick == "footage":
            against = f"{guard.least_share:.0%} of the footage"
        state = state_of(found)
        yield GuardRow(
            name=name,
            metric=metric_of(name, guard.higher_is_better if guard else None),
            held_against=against,
            found=found,
            limit=found.limit,
            state=state,
            state_text=_STATES[state],
        )


def _numbers(sides: tuple[Mapping[str, Any], ...]) -> set[str]:
    """Names under which any side has a number."""
    return {name for side in sides for name in side if _number(side[name]) is not None}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
