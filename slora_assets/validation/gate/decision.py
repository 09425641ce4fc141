"""May an adapter replace its base? Paired measurements in, a decision with its reasons out.

Pure and reproducible: the same pairs, settings and bootstrap seed give the same decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from slora_assets.config.validation import GateSettings
from slora_assets.documents import FootageClip, GateDecision, GuardedMetric, HeldOut, PromptPair
from slora_assets.validation.gate.comparison import Comparison, compare, distinct_clips


def judge(
    pairs: Sequence[PromptPair],
    footage: Sequence[FootageClip],
    settings: GateSettings,
    *,
    trusted: bool,
    untrusted_reason: str | None,
    advice: str | None = None,
    held_out: HeldOut | None = None,
    given_up: Sequence[str] = (),
    design: bool = False,
) -> GateDecision:
    """Judge an adapter by its pairs, held against its base and the scenario's footage.

    fail: no effect, a clip newly frozen, a clip far outside of what base and footage do, or, with
    enough clips, a guarded metric not shown to be within its margin or none shown to be better.
    inconclusive: no failure, but too few distinct clips, a metric or a yardstick that could not
    be measured, or untrusted scores (untrained base or scorer), which can't fail an adapter either:
    only its pixels can. pass: otherwise, that is a one-sided non-inferiority test on every guarded
    metric at once (intersection-union, Berger 1982), and superiority in at least one.

    `advice` is what to do about too few prompts, as a sentence; `given_up` is why sampling ended
    before all prompts were asked; `design` adds what this set of prompts can tell.
    """
    clips = distinct_clips(pairs)
    compared = [compare(name, clips, footage, settings, design) for name in settings.guards]
    metrics = {one.metric: one.guarded for one in compared}
    differences = [fmean(pair.difference for pair in group) for group in clips.values()]
    effect = fmean(differences) if differences else None
    failures = _pixel_failures(clips, effect, settings)
    doubts = _few(clips, settings, advice) or _doubts(compared, settings)
    if trusted:
        failures += [*given_up, *_vetoes(compared), *_held_out(held_out)]
        if len(clips) >= settings.min_clips:
            failures += _inferior(metrics, settings) + _no_better(metrics, settings)
    else:
        why = untrusted_reason or "no reason was given"
        doubts.insert(0, f"The scores can't carry a verdict: {why.rstrip('.')}.")
    if given_up:
        doubts = []  # fewer clips than asked are no doubt where more could not help
    return GateDecision(
        answer="fail" if failures else "inconclusive" if doubts else "pass",
        reasons=failures + doubts or _praise(metrics, settings),
        metrics=metrics,
        n_clips=len(clips),
        duplicates=_duplicates(clips),
        footage_clips=len(footage),
        mean_difference=effect,
        held_out=held_out,
        given_up=bool(given_up),
        confidence=settings.confidence,
        bootstrap_samples=settings.bootstrap_samples,
        bootstrap_seed=settings.bootstrap_seed,
    )


def _duplicates(clips: Mapping[str, Sequence[PromptPair]]) -> dict[str, list[str]]:
    """Of clips that stand for others, which."""
    others = {
        name: [pair.clip for pair in group if pair.clip != name] for name, group in clips.items()
    }
    return {name: found for name, found in others.items() if found}


def _pixel_failures(
    clips: Mapping[str, Sequence[PromptPair]], effect: float | None, settings: GateSettings
) -> list[str]:
    """What fails an adapter whatever its scores: no effect, newly frozen clips."""
    failures = []
    if effect is not None and effect <= settings.min_effect:
        failures.append(
            f"The adapter has no effect: its clips differ from the base's by {effect:.5f} on "
            f"average, the noise floor is {settings.min_effect:.5f}."
        )
    newly = [
        clip
        for clip, group in clips.items()
        if any(pair.adapter_frozen and not pair.base_frozen for pair in group)
    ]
    if newly:
        failures.append(f"The adapter froze clips that move with the base: {_listed(newly)}.")
    return failures


def _vetoes(compared: Sequence[Comparison]) -> list[str]:
    """Single clips that are worse than base and footage explain."""
    failures = []
    for one in compared:
        if one.vetoed:
            worst = one.deltas[min(one.vetoed, key=lambda prompt: one.deltas[prompt])]
            failures.append(
                f"{one.metric} is far worse than {one.limit_text} on {_listed(one.vetoed)}, at "
                f"worst by {-worst:.4g}."
            )
    return failures


def _held_out(found: HeldOut | None) -> list[str]:
    """An adapter that knows the held-out clips less well than its base has learned them away."""
    if found is None or found.adapter <= found.limit:
        return []
    return [
        f"The loss of the {found.clips} held-out clips is {found.adapter:.4f} with the adapter and"
        f" {found.base:.4f} without it; at most {found.limit:.4f} is allowed."
    ]


def _inferior(metrics: Mapping[str, GuardedMetric], settings: GateSettings) -> list[str]:
    """Guarded metrics with enough clips that are not shown to be within their margins."""
    failures = []
    for name, found in metrics.items():
        if found.n < settings.min_clips or found.lower is None or found.upper is None:
            continue
        against, limit = _against(name, found, settings), found.limit
        if found.upper < limit:
            failures.append(
                f"{name} is worse than {against}: with {settings.confidence:.0%} confidence it is "
                f"short of it by at least {limit - found.upper:.4g}."
            )
        elif found.lower <= limit:
            failures.append(
                f"{name} is not shown to reach {against}: it may be short of it by "
                f"{limit - found.lower:.4g}; more clips may settle it."
            )
    return failures


def _against(name: str, found: GuardedMetric, settings: GateSettings) -> str:
    """What the metric is held against, in words."""
    guard = settings.guards[name]
    if guard.least_share is not None:
        return f"{guard.least_share:.0%} of the footage's {found.footage:.4g}"
    if guard.yardstick == "footage":
        return f"the footage's {found.footage:.4g} within its margin of {found.margin:g}"
    if found.allowance:
        return (
            f"the base's within its margin of {found.margin:g}, of which the footage, being worse "
            f"than the base, gives {found.allowance:.4g}"
        )
    return f"the base's within its margin of {found.margin:g}"


def _no_better(metrics: Mapping[str, GuardedMetric], settings: GateSettings) -> list[str]:
    """An adapter that is better at nothing isn't worth serving."""
    wanted = [name for name, guard in settings.guards.items() if guard.improves]
    measured = [name for name in wanted if metrics[name].n >= settings.min_clips]
    if not measured or any(metrics[name].improved for name in measured):
        return []
    return [f"The adapter is not shown to be better than its base in {_listed(measured)}."]


def _few(
    clips: Mapping[str, Sequence[PromptPair]], settings: GateSettings, advice: str | None
) -> list[str]:
    """That there are too few clips, why, and what to do; nothing where they suffice."""
    need = settings.min_clips
    if len(clips) >= need:
        return []
    doubts = [f"There are {len(clips)} distinct clips of each side, and a pass needs {need}."]
    repeated = sum(len(group) - 1 for group in clips.values())
    if repeated:
        doubts.append(
            f"{repeated} more {'was' if repeated == 1 else 'were'} drawn that base or adapter drew"
            " nearly the same before: look at them, and where they are as they should be, write"
            " prompts that differ more into validation_prompts.yaml, or more seeds."
        )
    return [*doubts, advice] if advice else doubts


def _doubts(compared: Sequence[Comparison], settings: GateSettings) -> list[str]:
    """Why a pass would not be earned. A skipped measurement is not a passed one."""
    need, doubts = settings.min_clips, []
    for one in compared:
        if one.skipped:
            where = _listed(one.skipped)
            doubts.append(f"{one.metric} was measured on the base but not the adapter: {where}.")
        if one.lacks_footage:
            doubts.append(f"{one.metric} is held against footage, and none could be measured.")
        elif len(one.deltas) < need:
            count = len(one.deltas)
            doubts.append(f"{one.metric} was measured on {count} clips, and a pass needs {need}.")
    return doubts


def _praise(metrics: Mapping[str, GuardedMetric], settings: GateSettings) -> list[str]:
    praise = []
    for name, found in metrics.items():
        better = " and is better than the base's" if found.improved else ""
        praise.append(
            f"{name} reaches {_against(name, found, settings)} with {settings.confidence:.0%} "
            f"confidence{better}: mean difference {found.mean_delta:+.4g}, lower bound "
            f"{found.lower:+.4g}, {found.n} clips."
        )
    return praise


def _listed(names: Sequence[str], most: int = 5) -> str:
    """Prompt identifiers for a sentence, the first few of many."""
    shown = ", ".join(names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown
