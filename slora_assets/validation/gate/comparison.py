"""One guarded metric of an adapter: differences by distinct clip, their bounds, and the clips that
stand out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import stats

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import FootageClip, GuardedMetric, PromptPair
from slora_assets.validation.gate.design import simulate
from slora_assets.validation.gate.statistics import mean_bounds

LEAST_FOOTAGE: Final = 8
"""Clips that are needed to say how far footage scatters."""

_LEAST_ALLOWANCE: Final = 1e-9
"""Less is rounding, which nobody is to read about."""

Clips = Mapping[str, Sequence[PromptPair]]
"""Distinct clips of each side, a prompt with a seed each: the pairs that count as one."""

_PROMPT: Final = "prompt"
"""What clips of one prompt share, as a label beside those that prompts share."""

_SEED: Final = "seed"
"""What clips of one seed share: the noise that they start from."""


@dataclass(frozen=True)
class Comparison:
    """What the gate knows of one metric."""

    metric: str
    guarded: GuardedMetric
    deltas: dict[str, float]
    """By distinct clip, positive where the adapter is better than its yardstick asks for."""
    skipped: list[str]
    """Clips that only the base has a value for."""
    vetoed: list[str]
    limit_text: str
    """What the vetoed clips lie beyond."""
    lacks_footage: bool
    """Whether it is to be held against footage, and there is none."""


class _Sides(NamedTuple):
    """Values by distinct clip where both sides have one; means over its pairs."""

    base: dict[str, float]
    adapter: dict[str, float]
    skipped: list[str]


class _Asked(NamedTuple):
    """What an adapter is asked in one metric."""

    deltas: dict[str, float]
    """By distinct clip: adapter less what is asked, positive where it is better."""
    margin: float
    """How far below zero the mean may lie."""
    allowance: float
    """The margin's part that footage gives."""
    equal: float
    """The mean difference of an adapter that is as good as its yardstick."""
    more_variance: float
    """Of what was measured on the footage's few clips."""


def distinct_clips(pairs: Sequence[PromptPair]) -> dict[str, list[PromptPair]]:
    """Pairs by the clip that they count as (named as its file is), in order of identifier, so that
    the order of pairs changes nothing."""
    groups: dict[str, list[PromptPair]] = {}

    def order(pair: PromptPair) -> tuple[str, int, str, int]:
        return pair.counts_as, pair.first_seed, pair.prompt_id, pair.seed

    for pair in sorted(pairs, key=order):
        groups.setdefault(pair.counts_as_clip, []).append(pair)
    return groups


def compare(
    metric: str,
    clips: Clips,
    footage: Sequence[FootageClip],
    settings: GateSettings,
    design: bool = False,
) -> Comparison:
    """Compare both sides, and the adapter with the footage, in one metric. `design` adds what the
    set of clips can tell."""
    guard = settings.guards[metric]
    sides = _sides(metric, clips)
    shown = _finite(clip.scores.get(metric) for clip in footage)
    sign = 1.0 if guard.higher_is_better else -1.0
    gains = {name: sign * (sides.adapter[name] - sides.base[name]) for name in sides.adapter}
    lacks = guard.yardstick == "footage" and not shown
    asked = _asked(guard, sides, gains, shown, sign)
    guarded = GuardedMetric(
        yardstick=guard.yardstick,
        base=fmean(sides.base.values()) if sides.base else None,
        adapter=fmean(sides.adapter.values()) if sides.adapter else None,
        footage=fmean(shown) if shown else None,
        margin=asked.margin,
        allowance=asked.allowance,
        n=len(asked.deltas),
        improved=_improved(guard, gains, clips, settings),
        **_bounded(asked, clips, settings, design),
    )
    limit, text = _veto_limit(guard, asked.margin, sign, shown, list(sides.base.values()), settings)
    vetoed = [name for name, delta in asked.deltas.items() if delta < limit]
    return Comparison(metric, guarded, asked.deltas, sides.skipped, vetoed, text, lacks)


def _asked(
    guard: Guard, sides: _Sides, gains: dict[str, float], shown: Sequence[float], sign: float
) -> _Asked:
    own = stdev(shown) ** 2 / len(shown) if len(shown) > 1 else 0.0
    if guard.yardstick != "footage":
        allowance = _allowance(guard, sides.base.values(), shown)
        margin = (guard.margin or 0.0) + allowance
        return _Asked(gains, margin, allowance, 0.0, own if allowance else 0.0)
    margin = guard.margin or 0.0
    if not shown:
        return _Asked({}, margin, 0.0, 0.0, 0.0)
    share = guard.least_share or 1.0
    asked = share * fmean(shown)
    deltas = {name: sign * (sides.adapter[name] - asked) for name in sides.adapter}
    return _Asked(deltas, margin, 0.0, (1 - share) * abs(fmean(shown)), share**2 * own)


def _bounded(asked: _Asked, clips: Clips, settings: GateSettings, design: bool) -> dict[str, Any]:
    """The fields of a guarded metric that say how sure its mean is."""
    found: dict[str, Any] = dict.fromkeys(
        ("mean_delta", "lower", "upper", "false_pass", "power")
    ) | {"shares": {}}
    values = np.array(list(asked.deltas.values()))
    if len(values) < 2:
        return found | {"mean_delta": float(values[0])} if len(values) else found
    labels = _labels(clips, asked.deltas)
    bounds = mean_bounds(
        values,
        labels,
        settings.confidence,
        samples=settings.bootstrap_samples,
        seed=settings.bootstrap_seed,
        more_variance=asked.more_variance,
    )
    variance = float(values.var(ddof=1))
    if design and variance > 0:
        found |= simulate(
            variance,
            bounds.shares,
            labels,
            asked.margin,
            asked.equal,
            settings.confidence,
            asked.more_variance,
            settings.bootstrap_seed,
        )._asdict()
    return found | {
        "mean_delta": bounds.mean,
        "lower": bounds.lower,
        "upper": bounds.upper,
        "shares": bounds.shares,
    }


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
    allowed = worse if guard.higher_is_better else -worse
    return allowed if allowed > _LEAST_ALLOWANCE else 0.0


def _labels(clips: Clips, names: Iterable[str]) -> dict[str, list[str]]:
    """Label -> each prompt's; one without it shares it with none."""
    first = [clips[name][0] for name in names]
    kinds = sorted({kind for pair in first for kind in pair.labels})
    shared = {kind: [pair.labels.get(kind, pair.counts_as) for pair in first] for kind in kinds}
    return shared | {
        _PROMPT: [pair.counts_as for pair in first],
        _SEED: [str(pair.first_seed) for pair in first],
    }


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

    So many margins, or, where a share of the footage's mean is asked, as much below that as it is
    below the mean; or, where that reaches farther, the prediction bound for the least of as many
    differences of footage: against the base's clips, or against what is asked of footage itself.
    With too little footage to say how it scatters only the former counts.
    """
    least = -settings.veto_margins * margin if margin else -math.inf
    words = "what it is held against"
    if margin:
        words += f", by more than {settings.veto_margins:g} margins"
    elif guard.least_share is not None and shown:
        least = -(1 - guard.least_share) * abs(fmean(shown))
        words += f", at less than {2 * guard.least_share - 1:.0%} of the footage's mean"
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
    words += ", and by more than footage scatters"
    return min(far, least) if math.isfinite(least) else far, words
