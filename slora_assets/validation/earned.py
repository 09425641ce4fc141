"""Whether a verdict is what its own measurements give, under the settings in force: it is judged
again from `pairs.json` before anybody is served what it lets through.
"""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.errors import GateError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import missing_prompts
from slora_assets.documents import VERDICT_FILE, GateDecision, PairedMeasurements, RunVerdict
from slora_assets.provenance.records import read_document
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.outdated import outdated_because
from slora_assets.validation.question import Question, question_of

PAIRS_FILE = "pairs.json"


def refuse_unearned(workspace: Workspace, run_folder: Path, verdict: RunVerdict) -> None:
    """Raise GateError for a verdict that was made under other settings, prompts or clips than those
    in force, or that isn't what its measurements give; MissingInputError, IntegrityError for
    measurements that can't be read."""
    folder = workspace.validation(verdict.run)
    question = question_of(
        workspace, run_folder, read_validation_prompts(workspace.validation_prompts)
    )
    if verdict.validation_hash != question.hash:
        raise GateError(
            "the verdict was given under other settings than those in force",
            file=folder / VERDICT_FILE,
            found="; ".join(outdated_because(verdict, question)),
            expected="a verdict on what is asked now",
            remedy="run `make validate`",
        )
    again = _judged_again(folder / PAIRS_FILE, question, verdict)
    if again.answer != verdict.gate.answer:
        raise GateError(
            "the verdict is not what its own scores give",
            file=folder / VERDICT_FILE,
            key="verdict.verdict",
            found=verdict.gate.answer,
            expected=f"{again.answer}: {' '.join(again.reasons)}",
            remedy=f"delete {folder} and run `make validate`",
        )


def _judged_again(file: Path, question: Question, verdict: RunVerdict) -> GateDecision:
    measured = read_document(
        file, PairedMeasurements, what="a verdict's measurements", remedy="run `make validate`"
    )
    asked = {(one.id, seed) for one in question.prompts for seed in question.settings.seeds}
    found = {(pair.prompt_id, pair.seed) for pair in measured.pairs}
    given_up = verdict.gate.given_up
    if len(found) != len(measured.pairs) or not found <= asked or (found != asked and not given_up):
        raise GateError(
            "the measurements are not those of the prompts that were asked",
            file=file,
            found=f"{len(measured.pairs)} pairs",
            expected=f"a pair for each of {len(asked)} prompts and seeds",
            remedy=f"delete {file.parent} and run `make validate`",
        )
    trained = verdict.base.trained and bool(verdict.scorer.get("trained", True))
    return judge(
        measured.pairs,
        measured.footage,
        question.gate,
        trusted=verdict.scores_trusted and trained,
        untrusted_reason=verdict.scores_note,
        advice=missing_prompts(question.settings, question.record.scenarios, question.clips),
        held_out=verdict.gate.held_out,
        given_up=verdict.gate.reasons if given_up else (),
    )
