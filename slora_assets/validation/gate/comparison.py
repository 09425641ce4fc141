"""One guarded metric of an adapter: differences by distinct clip, their bounds, and the clips that
stand out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import FootageClip, GuardedMetric, PromptPair
from slora_assets.validation.gate.statistics import mean_bounds

LEAST_FOOTAGE: Final = 8
"""Clips that are needed to say how far footage scatters."""

Clips = Mapping[str, Sequence[PromptPair]]
"""Distinct clips of each side, a prompt with a seed each: the pairs that count as one."""

_PROMPT: Final = "prompt"
"""What clips of one prompt share, as a label beside those that prompts share."""


@dataclass(frozen=True)
class Comparison:
    """What the gate knows of one metric."""

    metric: str
    guarded: GuardedMetric
    deltas: dict[str, float]
    """By distinct prompt, positive where the adapter is better than its yardstick asks for."""
    skipped: list[str]
    """Prompts that only the base has a value for."""
    vetoed: list[str]
    limit_text: str
    """What the vetoed prompts lie beyond."""
    lacks_footage: bool
    """Whether it is to be held against footage, and there is none."""


class _Sides(NamedTuple):
    """Values by distinct prompt where both sides have one; means over its pairs."""

    base: dict[str, float]
    adapter: dict[str, float]
    skipped: list[str]


def distinct_clips(pairs: Sequence[PromptPair]) -> dict[str, list[PromptPair]]:
    """Pairs by the clip that they count as (named as its file is), in order of identifier, so that
    the order of pairs changes nothing."""
    groups: dict[str, list[PromptPair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.counts_as, pair.seed, pair.prompt_id)):
        groups.setdefault(f"{pair.counts_as}_{pair.seed}", []).append(pair)
    return groups


def compare(
    metric: str, clips: Clips, footage: Sequence[FootageClip], settings: GateSettings
) -> Comparison:
    """Compare both sides, and the adapter with the footage, in one metric."""
    guard = settings.guards[metric]
    sides = _sides(metric, clips)
    shown = _finite(clip.scores.get(metric) for clip in footage)
    sign = 1.0 if guard.higher_is_better else -1.0
    gains = {name: sign * (sides.adapter[name] - sides.base[name]) for name in sides.adapter}
    lacks = guard.yardstick == "footage" and not shown
    deltas, more_variance = gains, 0.0
    if guard.yardstick == "footage":
        share = guard.least_share or 1.0
        asked = share * fmean(shown) if shown else math.nan
        deltas = (
            {} if lacks else {name: sign * (sides.adapter[name] - asked) for name in sides.adapter}
        )
        if len(shown) > 1:
            more_variance = share**2 * stdev(shown) ** 2 / len(shown)
    allowance = _allowance(guard, sides.base.values(), shown)
    if allowance and len(shown) > 1:  # it was measured on few clips itself
        more_variance = stdev(shown) ** 2 / len(shown)
    margin = (guard.margin or 0.0) + allowance
    mean = lower = upper = None
    shares: dict[str, float] = {}
    if len(deltas) >= 2:
        bounds = mean_bounds(
            np.array(list(deltas.values())),
            _labels(clips, deltas),
            settings.confidence,
            samples=settings.bootstrap_samples,
            seed=settings.bootstrap_seed,
            more_variance=more_variance,
        )
        mean, lower, upper, shares = bounds.mean, bounds.lower, bounds.upper, bounds.shares
    elif deltas:
        mean = fmean(deltas.values())
    guarded = GuardedMetric(
        yardstick=guard.yardstick,
        base=fmean(sides.base.values()) if sides.base else None,
        adapter=fmean(sides.adapter.values()) if sides.adapter else None,
        footage=fmean(shown) if shown else None,
        mean_delta=mean,
        lower=lower,
        upper=upper,
        margin=margin,
        allowance=allowance,
        n=len(deltas),
        improved=_improved(guard, gains, clips, settings),
        shares=shares,
    )
    limit, text = _veto_limit(guard, margin, sign, shown, list(sides.base.values()), settings)
    vetoed = [name for name, delta in deltas.items() if delta < limit]
    return Comparison(metric, guarded, deltas, sides.skipped, vetoed, text, lacks)


def _sides(metric: str, clips: Clips) -> _Sides:
    base: dict[str, float] = {}
    adapter: dict[str, float] = {}
    skipped: list[str] = []
    for name, group in clips.items():
        both = []
        for pair in group:
            one, other = pair.base.get(metric), pair.adapter.get(metric)
            if one is None or not math.isfinite(one):
                continue
            if other is not None and math.isfinite(other):
                both.append((one, other))
            elif not pair.adapter_frozen:
                skipped.append(name)
        if both:
            base[name], adapter[name] = (fmean(values) for values in zip(*both, strict=True))
    return _Sides(base, adapter, sorted(set(skipped)))


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _allowance(guard: Guard, base: Iterable[float], shown: Sequence[float]) -> float:
    """By how much the footage is worse than the base, where that is allowed for."""
    base = list(base)
    if guard.yardstick != "base_or_footage" or not shown or not base:
        return 0.0
    worse = fmean(base) - fmean(shown)
    return max(0.0, worse if guard.higher_is_better else -worse)


def _labels(clips: Clips, names: Iterable[str]) -> dict[str, list[str]]:
    """Label -> each prompt's; one without it shares it with none."""
    first = [clips[name][0] for name in names]
    kinds = sorted({kind for pair in first for kind in pair.labels})
    shared = {kind: [pair.labels.get(kind, pair.counts_as) for pair in first] for kind in kinds}
    return shared | {_PROMPT: [pair.counts_as for pair in first]}


def _improved(
    guard: Guard, gains: Mapping[str, float], clips: Clips, settings: GateSettings
) -> bool:
    """Whether the adapter is shown to be better than its base, at the confidence shared out over
    all metrics that may show it (Bonferroni)."""
    if not guard.improves or len(gains) < settings.min_clips:
        return False
    tried = sum(one.improves for one in settings.guards.values())
    bounds = mean_bounds(
        np.array(list(gains.values())),
        _labels(clips, gains),
        1 - (1 - settings.confidence) / tried,
        samples=settings.bootstrap_samples,
        seed=settings.bootstrap_seed,
    )
    return bounds.lower > 0


def _veto_limit(
    guard: Guard,
    margin: float,
    sign: float,
    shown: Sequence[float],
    base: Sequence[float],
    settings: GateSettings,
) -> tuple[float, str]:
    """The difference that no clip may lie below, and what a clip below it is worse than, in words.

    So many margins; or, where that reaches farther, the prediction bound for the least of as many
    differences of footage: against the base's clips, or against what is asked of footage itself.
    With too little footage to say how it scatters only margins count, and nothing where there is
    none.
    """
    least = -settings.veto_margins * margin if margin else -math.inf
    words = "what it is held against"
    if margin:
        words += f", by more than {settings.veto_margins:g} margins"
    if len(shown) < LEAST_FOOTAGE or len(base) < 2:
        return least, words
    n, spread = len(shown), stdev(shown) ** 2 * (1 + 1 / len(shown))
    expected = 0.0
    if guard.yardstick == "footage":
        expected = (1 - (guard.least_share or 1.0)) * abs(fmean(shown))
    else:
        expected = sign * (fmean(shown) - fmean(base))
        spread += stdev(base) ** 2 * (1 + 1 / len(base))
        n = min(n, len(base))
    reach = float(stats.t.ppf(1 - settings.veto_error / max(1, len(base)), n - 1))
    far = expected - reach * math.sqrt(spread)
    return min(far, least if margin else far), f"{words}, and by more than footage scatters"
