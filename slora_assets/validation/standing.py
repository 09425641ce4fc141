"""Whether a run's verdict stands for everything that it depends on."""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import VERDICT_FILE, RunVerdict
from slora_assets.provenance.ledger import refuse_unrecorded
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.outdated import outdated_because
from slora_assets.validation.question import Question, question_of


def standing_verdict(
    workspace: Workspace, run_folder: Path, settings: ValidationPrompts
) -> RunVerdict | None:
    """The run's verdict if it stands for these very inputs, else None. Raises as `question_of`
    does."""
    return standing_answer(workspace, question_of(workspace, run_folder, settings))


def standing_answer(workspace: Workspace, question: Question) -> RunVerdict | None:
    """The verdict that answers this very question, if there is one and it is as it was given."""
    try:
        found = read_verdict(workspace, question.record.run)
    except SloraError:
        return None
    return None if why_not_standing(workspace, found, question) else found


def why_not_standing(workspace: Workspace, verdict: RunVerdict, question: Question) -> list[str]:
    """Why a run's verdict is not the one that a validation would give now, or not as it was given,
    without what to do; nothing while it stands."""
    reasons = outdated_because(verdict, question)
    try:
        file = workspace.validation(question.record.run) / VERDICT_FILE
        refuse_unrecorded(workspace, file, remedy="run `make validate`")
    except SloraError as error:
        reasons.append(f"{VERDICT_FILE}: {error.what}")
    return reasons
