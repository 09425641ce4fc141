"""Whether the gate's answers are what their own measurements give, under the settings in force: a
verdict, and a sweep's strengths, are judged again from `pairs.json` before anybody is served what
they let through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.errors import GateError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import missing_prompts
from slora_assets.documents import (
    VERDICT_FILE,
    Answer,
    FootageClip,
    GateDecision,
    HeldOut,
    PairedMeasurements,
    PromptPair,
    RunVerdict,
    ScaleSweep,
)
from slora_assets.provenance.records import read_document
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.outdated import differences, outdated_because
from slora_assets.validation.question import Question, question_of
from slora_assets.validation.sampling import mean_metrics
from slora_assets.validation.swept import sweep_again, swept_measurements


@dataclass(frozen=True)
class EarnedStrength:
    """What the measurements of a swept strength give."""

    scale: float
    speed: str
    answer: Answer
    scores: Mapping[str, float | None]
    """Means of the adapter's clips, by metric."""


def refuse_outdated(workspace: Workspace, run_folder: Path, verdict: RunVerdict) -> Question:
    """Raise GateError for a verdict that was made under other settings, prompts or clips than those
    in force; returns what is asked now."""
    question = _question(workspace, run_folder)
    if verdict.validation_hash != question.hash:
        raise GateError(
            "the verdict was given under other settings than those in force",
            file=workspace.validation(verdict.run) / VERDICT_FILE,
            found="; ".join(outdated_because(verdict, question)),
            expected="a verdict on what is asked now",
            remedy="run `make validate`",
        )
    return question


def refuse_unearned(workspace: Workspace, run_folder: Path, verdict: RunVerdict) -> None:
    """Raise GateError as `refuse_outdated` does, and for a verdict that isn't what its measurements
    give; MissingInputError, IntegrityError for measurements that can't be read."""
    folder = workspace.validation(verdict.run)
    question = refuse_outdated(workspace, run_folder, verdict)
    if verdict.question is not None and verdict.question != question.told:
        raise GateError(
            "the verdict does not say what it was asked",
            file=folder / VERDICT_FILE,
            key="question",
            found="; ".join(differences(verdict.question, question.told))
            or f"adapter {verdict.question.adapter}, run {verdict.question.run}",
            expected="what `validation_hash` is of",
            remedy=f"delete {folder} and run `make validate`",
        )
    file = workspace.judged_pairs(verdict.run)
    measured = read_document(
        file, PairedMeasurements, what="a verdict's measurements", remedy="run `make validate`"
    )
    remedy, gate = f"delete {folder} and run `make validate`", verdict.gate
    rests_on = _Measured(
        file, remedy, measured.pairs, measured.footage, gate.held_out, gate.given_up
    )
    again = _judged_again(rests_on, question, verdict)
    if again.answer != gate.answer:
        raise _unearned(
            "verdict", folder / VERDICT_FILE, "verdict.verdict", gate.answer, again, remedy
        )


def earned_strengths(
    workspace: Workspace, run_folder: Path, verdict: RunVerdict, sweep: ScaleSweep
) -> list[EarnedStrength]:
    """A standing sweep's strengths, judged again from what was measured. `verdict` is on the same
    adapter, and says how far its scores are trusted.

    Raises GateError for an answer that its measurements don't give; MissingInputError,
    IntegrityError for measurements that can't be read or aren't the sweep's.
    """
    file, pairs = workspace.sweep(sweep.run), workspace.swept_pairs(sweep.run)
    remedy = sweep_again(workspace, sweep.run)
    measured = swept_measurements(workspace, sweep)
    rows = [(row.scale, row.speed) for row in sweep.scales]
    if rows != [(one.scale, one.speed) for one in measured.scales]:
        raise GateError(
            "the sweep's strengths are not those that were measured",
            file=file,
            key="scales",
            found=_listed(rows),
            expected=_listed([(one.scale, one.speed) for one in measured.scales]),
            remedy=remedy,
        )
    question, strengths = _question(workspace, run_folder), []
    for number, (row, one) in enumerate(zip(sweep.scales, measured.scales, strict=True)):
        rests_on = _Measured(pairs, remedy, one.pairs, measured.footage, one.held_out, one.given_up)
        again = _judged_again(rests_on, question, verdict)
        if again.answer != row.answer:
            key = f"scales.{number}.answer"
            raise _unearned("answer", file, key, row.answer, again, remedy)
        scores = mean_metrics([pair.adapter for pair in one.pairs])
        strengths.append(EarnedStrength(one.scale, one.speed, again.answer, scores))
    return strengths


@dataclass(frozen=True)
class _Measured:
    """What an answer rests on."""

    file: Path
    remedy: str
    """Where it can't be what the answer rests on."""
    pairs: Sequence[PromptPair]
    footage: Sequence[FootageClip]
    held_out: HeldOut | None
    given_up: bool


def _question(workspace: Workspace, run_folder: Path) -> Question:
    return question_of(workspace, run_folder, read_validation_prompts(workspace.validation_prompts))


def _judged_again(measured: _Measured, question: Question, verdict: RunVerdict) -> GateDecision:
    trusted = (
        verdict.scores_trusted
        and verdict.base.trained
        and bool(verdict.scorer.get("trained", True))
    )
    asked = {(one.id, seed) for one in question.prompts for seed in question.settings.seeds}
    found = {(pair.prompt_id, pair.seed) for pair in measured.pairs}
    # Only what scores may fail is ever given up.
    given_up = measured.given_up and trusted
    if len(found) != len(measured.pairs) or not found <= asked or (found != asked and not given_up):
        raise GateError(
            "the measurements are not those of the prompts that were asked",
            file=measured.file,
            found=f"{len(measured.pairs)} pairs",
            expected=f"a pair for each of {len(asked)} prompts and seeds",
            remedy=measured.remedy,
        )
    return judge(
        measured.pairs,
        measured.footage,
        question.gate,
        trusted=trusted,
        untrusted_reason=verdict.scores_note,
        advice=missing_prompts(question.settings, question.record.scenarios, question.clips),
        held_out=measured.held_out,
        given_up=["Sampling was given up, as it was clearly worse."] if given_up else (),
    )


def _unearned(
    what: str, file: Path, key: str, found: Answer, again: GateDecision, remedy: str
) -> GateError:
    return GateError(
        f"the {what} is not what its own scores give",
        file=file,
        key=key,
        found=found,
        expected=f"{again.answer}: {' '.join(again.reasons)}",
        remedy=remedy,
    )


def _listed(rows: Sequence[tuple[float, str]]) -> str:
    return ", ".join(f"{scale:g} ({speed})" for scale, speed in rows)
