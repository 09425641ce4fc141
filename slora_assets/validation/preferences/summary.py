"""What people's choices come to, beside what the metrics say: counts, strengths and agreement.

`read_preferences` reads a workspace; `summarise` is pure.
"""

from __future__ import annotations

import filecmp
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from slora_assets.config.workspace import Workspace
from slora_assets.documents import Answer, LoggedComparison, PairedMeasurements
from slora_assets.provenance.records import read_document, read_verdict
from slora_assets.validation.preferences.choices import (
    Choices,
    Preferred,
    preferred,
    read_choices,
    standing_choices,
)
from slora_assets.validation.preferences.statistics import (
    Concordance,
    Contest,
    Estimate,
    concordance,
    contest,
    krippendorff_alpha,
    strengths,
    wilson,
)

ALL_RUNS: Final = "all runs"
_SCORES: Final[Mapping[Preferred, float]] = {"adapter": 1.0, "no_difference": 0.5, "base": 0.0}


@dataclass(frozen=True)
class JudgedRun:
    """What is known of one run before anything is counted."""

    run: str
    base: str
    """Name and revision: adapters over one base are compared through it."""
    answer: Answer
    """Of the automatic gate."""
    choices: Choices
    differences: Mapping[str, Mapping[str, float]]
    """Metric to prompt to adapter minus base."""
    same: frozenset[tuple[str, int]] = frozenset()
    """Prompt and seed of pairs whose two clips are the same bytes."""


@dataclass(frozen=True)
class MetricAgreement:
    """Whether a metric's sign is the persons' preference, by prompt."""

    run: str
    metric: str
    direction_known: bool
    """False: nobody said which way is better, so higher was taken for it."""
    found: Concordance


@dataclass(frozen=True)
class RunPreference:
    """One run: what was chosen, and what follows."""

    run: str
    base: str
    answer: Answer
    persons: int
    choices: int
    stale: int
    for_adapter: int
    for_base: int
    no_difference: int
    pressed_left: int
    """Of the choices for a side, those for the left one: about half, unless a person's hand is
    quicker on one side."""
    on_same_clips: int
    """Choices on two clips of the same bytes, which count as no difference whatever was pressed."""
    differing_on_same_clips: int
    """Those of them that preferred one: noise by definition."""
    prompts_for_adapter: int
    prompts_for_base: int
    prompts_undecided: int
    share: Estimate | None
    """Of prompts on which the adapter is preferred, undecided ones as a half."""
    strength: Estimate | None
    """Log odds over the base."""


@dataclass(frozen=True)
class PersonAgreement:
    """Of pairs that several persons judged."""

    pairs: int
    unanimous: int
    alpha: float | None


@dataclass(frozen=True)
class PreferenceSummary:
    """All of it."""

    runs: list[RunPreference]
    persons: PersonAgreement
    automatic: list[MetricAgreement]
    confidence: float


def read_preferences(
    workspace: Workspace,
    runs: Sequence[str],
    higher_is_better: Mapping[str, bool],
    confidence: float = 0.95,
) -> PreferenceSummary:
    """What was chosen on these runs, which have verdicts. Raises MissingInputError,
    IntegrityError."""
    judged = [_judged_run(workspace, run) for run in runs]
    return summarise(judged, higher_is_better, confidence)


def summarise(
    runs: Sequence[JudgedRun], higher_is_better: Mapping[str, bool], confidence: float = 0.95
) -> PreferenceSummary:
    """Count, compare and estimate. Runs that nobody judged have no share and no strength."""
    scores = {one.run: _scores_by_prompt(one) for one in runs}
    found = _strengths(runs, scores, confidence)
    return PreferenceSummary(
        runs=[_run_preference(one, scores[one.run], found, confidence) for one in runs],
        persons=_person_agreement(runs),
        automatic=_automatic(runs, scores, higher_is_better, confidence),
        confidence=confidence,
    )


def metric_differences(measured: PairedMeasurements) -> dict[str, dict[str, float]]:
    """Metric to prompt to adapter minus base, for whatever both sides have a finite number of;
    several rows of a prompt are averaged."""
    rows: dict[str, dict[str, list[float]]] = {}
    for pair in measured.pairs:
        for metric in pair.base.keys() & pair.adapter.keys():
            base, adapter = _number(pair.base[metric]), _number(pair.adapter[metric])
            if base is not None and adapter is not None:
                rows.setdefault(metric, {}).setdefault(pair.prompt_id, []).append(adapter - base)
    return {
        metric: {prompt: fmean(found) for prompt, found in sorted(by_prompt.items())}
        for metric, by_prompt in sorted(rows.items())
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _judged_run(workspace: Workspace, run: str) -> JudgedRun:
    verdict = read_verdict(workspace, run)
    choices = standing_choices(
        read_choices(workspace.comparisons(run)), verdict.adapter_sha256, verdict.validation_hash
    )
    measured = read_document(
        workspace.judged_pairs(run),
        PairedMeasurements,
        what="paired measurements",
        remedy="run `make validate`",
    )
    pairs = {(choice.prompt_id, choice.seed) for choice in choices.standing}
    return JudgedRun(
        run=run,
        base=f"{verdict.base.name} {verdict.base.revision}",
        answer=verdict.gate.answer,
        choices=choices,
        differences=metric_differences(measured),
        same=frozenset(pair for pair in pairs if _same_clips(workspace, run, *pair)),
    )


def _same_clips(workspace: Workspace, run: str, prompt_id: str, seed: int) -> bool:
    folder, name = workspace.validation(run) / "samples", f"{prompt_id}_{seed}.mp4"
    base, adapter = folder / "base" / name, folder / "adapter" / name
    return base.is_file() and adapter.is_file() and filecmp.cmp(base, adapter, shallow=False)


def _what_counts(run: JudgedRun, choice: LoggedComparison) -> Preferred:
    is_same = (choice.prompt_id, choice.seed) in run.same
    return "no_difference" if is_same else preferred(choice)


def _scores_by_prompt(run: JudgedRun) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    for choice in run.choices.standing:
        scores.setdefault(choice.prompt_id, []).append(_SCORES[_what_counts(run, choice)])
    return scores


def _strengths(
    runs: Sequence[JudgedRun],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    confidence: float,
) -> dict[str, Estimate]:
    """Run to its adapter's strength: each base is a scale of its own."""
    contests: dict[str, list[Contest]] = {}
    for one in runs:
        if scores[one.run]:
            # A run's name may be a base's: players are told apart by what they are.
            adapter, base = f"adapter {one.run}", f"base {one.base}"
            groups = [*scores[one.run].values()]
            contests.setdefault(one.base, []).append(contest(adapter, base, groups))
    found: dict[str, Estimate] = {}
    for base_name, its in contests.items():
        found |= strengths(its, f"base {base_name}", confidence)
    return {
        name.removeprefix("adapter "): one
        for name, one in found.items()
        if name.startswith("adapter ")
    }


def _run_preference(
    run: JudgedRun,
    scores: Mapping[str, Sequence[float]],
    found: Mapping[str, Estimate],
    confidence: float,
) -> RunPreference:
    choices = run.choices.standing
    said = [_what_counts(run, choice) for choice in choices]
    on_same = [one for one in choices if (one.prompt_id, one.seed) in run.same]
    signs = [_majority(group) for group in scores.values()]
    for_adapter, for_base = sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)
    undecided = len(signs) - for_adapter - for_base
    return RunPreference(
        run=run.run,
        base=run.base,
        answer=run.answer,
        persons=len({choice.person for choice in choices}),
        choices=len(choices),
        stale=run.choices.stale,
        for_adapter=said.count("adapter"),
        for_base=said.count("base"),
        no_difference=said.count("no_difference"),
        pressed_left=sum(choice.pressed == "left" for choice in choices),
        on_same_clips=len(on_same),
        differing_on_same_clips=sum(one.pressed != "no_difference" for one in on_same),
        prompts_for_adapter=for_adapter,
        prompts_for_base=for_base,
        prompts_undecided=undecided,
        share=wilson(for_adapter + undecided / 2, len(signs), confidence),
        strength=found.get(run.run),
    )


def _majority(scores: Sequence[float]) -> float:
    """Above 0: more prefer the adapter; 0: as many prefer the base."""
    return sum(score - 0.5 for score in scores)  # halves and wholes: exact


def _person_agreement(runs: Iterable[JudgedRun]) -> PersonAgreement:
    units: dict[tuple[str, str, int], list[Preferred]] = {}
    for run in runs:
        for choice in run.choices.standing:
            if (choice.prompt_id, choice.seed) not in run.same:
                place = (run.run, choice.prompt_id, choice.seed)
                units.setdefault(place, []).append(preferred(choice))
    several = [answers for answers in units.values() if len(answers) >= 2]
    unanimous = sum(len(set(answers)) == 1 for answers in several)
    return PersonAgreement(len(several), unanimous, krippendorff_alpha(several))


def _automatic(
    runs: Sequence[JudgedRun],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    higher_is_better: Mapping[str, bool],
    confidence: float,
) -> list[MetricAgreement]:
    signs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    judged = [run for run in runs if scores[run.run]]
    for run in judged:
        for metric, differences in run.differences.items():
            way = 1 if higher_is_better.get(metric, True) else -1
            found = [
                (_majority(group), way * differences[prompt])
                for prompt, group in scores[run.run].items()
                if prompt in differences
            ]
            signs[run.run, metric] = found
            if len(judged) > 1:
                signs.setdefault((ALL_RUNS, metric), []).extend(found)
    ordered = sorted(signs, key=lambda place: (place[0] == ALL_RUNS, place))
    return [
        MetricAgreement(
            run, metric, metric in higher_is_better, concordance(signs[run, metric], confidence)
        )
        for run, metric in ordered
    ]
