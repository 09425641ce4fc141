"""May an adapter replace its base? Paired measurements in, a decision with its reasons out.

Pure and reproducible: the same pairs, settings and bootstrap seed give the same decision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from slora_assets.config.validation import GateSettings
from slora_assets.documents import GateDecision, GuardedMetric, PromptPair
from slora_assets.validation.gate.statistics import bca_bounds


class _Paired(NamedTuple):
    """One guarded metric over prompts: `deltas` by prompt, and prompts only the base has."""

    metric: str
    deltas: dict[str, float]
    skipped: list[str]


def judge(
    pairs: Sequence[PromptPair],
    settings: GateSettings,
    *,
    trusted: bool,
    untrusted_reason: str | None,
) -> GateDecision:
    """Judge an adapter by its pairs.

    fail: no effect, a clip newly frozen, a prompt worse than `veto_margins`, or, with enough
    prompts, a guarded metric not shown to be within its margin. inconclusive: no failure, but too
    few prompts, a skipped metric, or untrusted scores (untrained base or scorer), which can't fail
    an adapter either: only its pixels can. pass: otherwise, that is a one-sided non-inferiority
    test on every guarded metric at once (intersection-union, Berger 1982).
    """
    prompts = _by_prompt(pairs)
    paired = [_pair(metric, prompts, settings) for metric in settings.margins]
    metrics = {item.metric: _estimate(item, settings) for item in paired}
    differences = [fmean(pair.difference for pair in group) for group in prompts.values()]
    effect = fmean(differences) if differences else None
    failures = _pixel_failures(prompts, effect, settings)
    doubts = _doubts(len(prompts), paired, settings.min_prompts)
    if trusted:
        failures += _vetoes(paired, settings)
        if len(prompts) >= settings.min_prompts:
            failures += _inferior(metrics, settings)
    else:
        why = untrusted_reason or "no reason was given"
        doubts.insert(0, f"The scores can't carry a verdict: {why.rstrip('.')}.")
    return GateDecision(
        answer="fail" if failures else "inconclusive" if doubts else "pass",
        reasons=failures + doubts or _praise(metrics, settings),
        metrics=metrics,
        n_prompts=len(prompts),
        mean_difference=effect,
        confidence=settings.confidence,
        bootstrap_samples=settings.bootstrap_samples,
        bootstrap_seed=settings.bootstrap_seed,
    )


def _by_prompt(pairs: Sequence[PromptPair]) -> dict[str, list[PromptPair]]:
    """Group by prompt, in order of identifier, so that the order of pairs changes nothing."""
    groups: dict[str, list[PromptPair]] = {}
    for pair in sorted(pairs, key=lambda pair: pair.prompt_id):
        groups.setdefault(pair.prompt_id, []).append(pair)
    return groups


def _pair(
    metric: str, prompts: Mapping[str, Sequence[PromptPair]], settings: GateSettings
) -> _Paired:
    """Mean over a prompt's seeds of adapter - base, turned so that positive is better."""
    sign = 1.0 if settings.higher_is_better[metric] else -1.0
    deltas: dict[str, float] = {}
    skipped: list[str] = []
    for prompt_id, group in prompts.items():
        found = []
        for pair in group:
            base, adapter = (side.get(metric) for side in (pair.base, pair.adapter))
            if base is None or not math.isfinite(base):
                continue
            if adapter is not None and math.isfinite(adapter):
                found.append(sign * (adapter - base))
            elif not pair.adapter_frozen:
                skipped.append(prompt_id)
        if found:
            deltas[prompt_id] = fmean(found)
    return _Paired(metric, deltas, sorted(set(skipped)))


def _estimate(item: _Paired, settings: GateSettings) -> GuardedMetric:
    deltas = np.array(list(item.deltas.values()), dtype=np.float64)
    lower = upper = None
    if len(deltas) >= 2:
        draws, seed = settings.bootstrap_samples, settings.bootstrap_seed
        lower, upper = bca_bounds(deltas, settings.confidence, draws, seed)
    return GuardedMetric(
        mean_delta=float(deltas.mean()) if len(deltas) else None,
        lower=lower,
        upper=upper,
        margin=settings.margins[item.metric],
        n=len(deltas),
    )


def _pixel_failures(
    prompts: Mapping[str, Sequence[PromptPair]], effect: float | None, settings: GateSettings
) -> list[str]:
    """What fails an adapter whatever its scores: no effect, newly frozen clips."""
    failures = []
    if effect is not None and effect <= settings.min_effect:
        failures.append(
            f"The adapter has no effect: its clips differ from the base's by {effect:.5f} on "
            f"average, the noise floor is {settings.min_effect:.5f}."
        )
    newly = [
        prompt_id
        for prompt_id, group in prompts.items()
        if any(pair.adapter_frozen and not pair.base_frozen for pair in group)
    ]
    if newly:
        failures.append(f"The adapter froze clips that move with the base: {_listed(newly)}.")
    return failures


def _vetoes(paired: Sequence[_Paired], settings: GateSettings) -> list[str]:
    failures = []
    for item in paired:
        limit = settings.veto_margins * settings.margins[item.metric]
        worse = [prompt_id for prompt_id, delta in item.deltas.items() if delta < -limit]
        if worse:
            worst = -min(item.deltas.values())
            failures.append(
                f"{item.metric} is worse by more than {settings.veto_margins:g} margins "
                f"({limit:g}), at worst {worst:.4g}, on {_listed(worse)}."
            )
    return failures


def _inferior(metrics: Mapping[str, GuardedMetric], settings: GateSettings) -> list[str]:
    """Guarded metrics with enough prompts that are not shown to be within their margins."""
    failures = []
    for name, found in metrics.items():
        if found.n < settings.min_prompts or found.lower is None or found.upper is None:
            continue
        if found.upper < -found.margin:
            failures.append(
                f"{name} is worse than its margin of {found.margin:g}: with "
                f"{settings.confidence:.0%} confidence it fell by at least {-found.upper:.4g}."
            )
        elif found.lower <= -found.margin:
            failures.append(
                f"{name} is not shown to be within its margin of {found.margin:g}: it may have "
                f"fallen by {-found.lower:.4g}; more prompts may settle it."
            )
    return failures


def _doubts(n_prompts: int, paired: Sequence[_Paired], need: int) -> list[str]:
    """Why a pass would not be earned. A skipped measurement is not a passed one."""
    if n_prompts < need:
        return [f"There are {n_prompts} prompts, and a pass needs {need}."]
    doubts = []
    for item in paired:
        n = len(item.deltas)
        if item.skipped:
            where = _listed(item.skipped)
            doubts.append(f"{item.metric} was measured on the base but not the adapter: {where}.")
        if n < need:
            doubts.append(f"{item.metric} was measured on {n} prompts, and a pass needs {need}.")
    return doubts


def _praise(metrics: Mapping[str, GuardedMetric], settings: GateSettings) -> list[str]:
    return [
        f"{name} fell by less than its margin of {found.margin:g} with "
        f"{settings.confidence:.0%} confidence: mean change {found.mean_delta:+.4g}, "
        f"lower bound {found.lower:+.4g}, {found.n} prompts."
        for name, found in metrics.items()
    ]


def _listed(names: Sequence[str], most: int = 5) -> str:
    """Prompt identifiers for a sentence, the first few of many."""
    shown = ", ".join(names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown
