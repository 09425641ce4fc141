"""One guarded metric of an adapter: differences by distinct prompt, their bounds, and the prompts
that stand out.
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

Prompts = Mapping[str, Sequence[PromptPair]]
"""Distinct prompts: the pairs that count as each."""


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


def distinct_prompts(pairs: Sequence[PromptPair]) -> dict[str, list[PromptPair]]:
    """Pairs by the prompt that they count as, in order of identifier, so that the order of pairs
    changes nothing."""
    groups: dict[str, list[PromptPair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.counts_as, pair.prompt_id, pair.seed)):
        groups.setdefault(pair.counts_as, []).append(pair)
    return groups


def compare(
    metric: str, prompts: Prompts, footage: Sequence[FootageClip], settings: GateSettings
) -> Comparison:
    """Compare both sides, and the adapter with the footage, in one metric."""
    guard = settings.guards[metric]
    sides = _sides(metric, prompts)
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
    margin = (guard.margin or 0.0) + allowance
    mean = lower = upper = None
    shares: dict[str, float] = {}
    if len(deltas) >= 2:
        bounds = mean_bounds(
            np.array(list(deltas.values())),
            _labels(prompts, deltas),
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
        improved=_improved(guard, gains, prompts, settings),
        shares=shares,
    )
    limit, text = _veto_limit(guard, margin, sign, shown, len(prompts), settings)
    vetoed = [
        name
        for name, delta in deltas.items()
        if delta < -settings.veto_margins * margin and sign * sides.adapter[name] < limit
    ]
    return Comparison(metric, guarded, deltas, sides.skipped, vetoed, text, lacks)


def _sides(metric: str, prompts: Prompts) -> _Sides:
    base: dict[str, float] = {}
    adapter: dict[str, float] = {}
    skipped: list[str] = []
    for name, group in prompts.items():
        both = []
        for pair in group:
            one, other = pair.base.get(metric), pair.adapter.get(metric)
            if one is None or not math.isfinite(one):
                continue
            if other is not None and math.isfinite(other):
                both.append((one, other))
            elif not pair.adapter_frozen:
                skipped.append(pair.prompt_id)
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


def _labels(prompts: Prompts, names: Iterable[str]) -> dict[str, list[str]]:
    """Label -> each prompt's; one without it shares it with none."""
    kinds = sorted({kind for group in prompts.values() for pair in group for kind in pair.labels})
    names = list(names)
    return {kind: [prompts[name][0].labels.get(kind, name) for name in names] for kind in kinds}


def _improved(
    guard: Guard, gains: Mapping[str, float], prompts: Prompts, settings: GateSettings
) -> bool:
    """Whether the adapter is shown to be better than its base, at the confidence shared out over
    all metrics that may show it (Bonferroni)."""
    if not guard.improves or len(gains) < settings.min_prompts:
        return False
    tried = sum(one.improves for one in settings.guards.values())
    bounds = mean_bounds(
        np.array(list(gains.values())),
        _labels(prompts, gains),
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
    count: int,
    settings: GateSettings,
) -> tuple[float, str]:
    """The value, turned so that higher is better, that no prompt may lie below: the footage's
    prediction bound for the least of `count` clips; infinity where there is too little footage to
    say. And what a prompt below it is worse than, in words."""
    base = f"the base's, by more than {settings.veto_margins:g} margins of {margin:.4g}"
    if guard.yardstick == "footage":
        base = "what is asked for"
    if len(shown) < LEAST_FOOTAGE:
        return (-math.inf if guard.yardstick == "footage" else math.inf), base
    n, spread = len(shown), stdev(shown)
    reach = float(stats.t.ppf(1 - settings.veto_error / max(1, count), n - 1))
    limit = sign * fmean(shown) - reach * spread * math.sqrt(1 + 1 / n)
    return limit, f"{base} and than the footage's spread (down to {sign * limit:.4g})"
