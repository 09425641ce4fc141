"""Paired differences, clip by clip, as the gate takes them; and which clips came out worst."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import FootageClip, GuardedMetric, PromptPair


@dataclass(frozen=True)
class Worst:
    """A pair, and the guard that it comes out worst by."""

    pair: PromptPair
    metric: str | None
    """None where nothing guarded could be measured on it."""
    difference: float
    """Positive where the adapter is better than what it is held against."""
    relative: float
    """0 at the limit of that guard, 1 where nothing is lost, below 0 beyond the limit; without end
    where the adapter froze what moves with the base."""

    @property
    def froze(self) -> bool:
        """Whether the adapter froze what moves with the base."""
        return self.relative == -math.inf


def pair_differences(
    metric: str, guard: Guard, pairs: Sequence[PromptPair], footage: Sequence[FootageClip]
) -> dict[tuple[str, int], float]:
    """Prompt and seed to the difference, positive where the adapter is better than its yardstick
    asks for; pairs on which a side has no value are left out, as all are without footage that one
    is to be held against."""
    sign = 1.0 if guard.higher_is_better else -1.0
    asked = None
    if guard.yardstick == "footage":
        shown = _finite(clip.scores.get(metric) for clip in footage)
        if not shown:
            return {}
        asked = (guard.least_share or 1.0) * fmean(shown)
    found = {}
    for pair in pairs:
        values = _finite((pair.base.get(metric), pair.adapter.get(metric)))
        if len(values) == 2:
            against = values[0] if asked is None else asked
            found[pair.prompt_id, pair.seed] = sign * (values[1] - against)
    return found


def clip_differences(
    metric: str, guard: Guard, pairs: Sequence[PromptPair], footage: Sequence[FootageClip]
) -> list[float]:
    """One difference per distinct clip, rising: pairs that count as one are averaged."""
    by_pair = pair_differences(metric, guard, pairs, footage)
    groups: dict[str, list[float]] = {}
    for pair in pairs:
        if (pair.prompt_id, pair.seed) in by_pair:
            groups.setdefault(pair.counts_as_clip, []).append(by_pair[pair.prompt_id, pair.seed])
    return sorted(fmean(group) for group in groups.values())


def worst_first(
    pairs: Sequence[PromptPair],
    footage: Sequence[FootageClip],
    gate: GateSettings,
    metrics: Mapping[str, GuardedMetric],
) -> list[Worst]:
    """All pairs, each by the guard that it comes out worst by, the worst pair first; those on which
    nothing could be measured come last."""
    differences, scales = {}, {}
    for name, found in metrics.items():
        guard = gate.guards.get(name)
        if guard is not None:
            differences[name] = pair_differences(name, guard, pairs, footage)
            scales[name] = _scale(guard, found, differences[name].values())
    judged = [_worst(pair, differences, scales, metrics) for pair in pairs]
    return sorted(judged, key=lambda one: (one.relative, one.pair.prompt_id, one.pair.seed))


def _worst(
    pair: PromptPair,
    differences: Mapping[str, Mapping[tuple[str, int], float]],
    scales: Mapping[str, float],
    metrics: Mapping[str, GuardedMetric],
) -> Worst:
    """By how far a pair is from the limits, in units of what each limit allows."""
    if pair.adapter_frozen and not pair.base_frozen:
        return Worst(pair, None, 0.0, -math.inf)
    found = Worst(pair, None, 0.0, math.inf)
    for name, by_pair in differences.items():
        difference = by_pair.get((pair.prompt_id, pair.seed))
        if difference is not None:
            relative = (difference + metrics[name].margin) / scales[name]
            if relative < found.relative:
                found = Worst(pair, name, difference, relative)
    return found


def _scale(guard: Guard, found: GuardedMetric, differences: Collection[float]) -> float:
    """What a guard allows to be lost: its margin, or what a share of the footage's leaves; where it
    allows nothing, how far the differences scatter."""
    left = (1 - (guard.least_share or 1.0)) * abs(found.footage or 0.0)
    scatter = stdev(differences) if len(differences) > 1 else 0.0
    return found.margin or left or scatter or 1.0


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
