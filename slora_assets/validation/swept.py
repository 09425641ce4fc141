"""Whether a run's sweep stands for everything that it depends on."""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import DEFAULT_SPEED, Presets, ScaleSweep, SweptMeasurements
from slora_assets.provenance import object_hash, sha256_file
from slora_assets.provenance.ledger import refuse_unrecorded
from slora_assets.provenance.records import read_document
from slora_assets.validation.as_served import Serving, at_speed
from slora_assets.validation.question import Question, question_of

_REMEDY = "run `make sweep`"


def servings(workspace: Workspace, question: Question) -> list[Serving]:
    """What is swept: the settings' strengths and the preset's with the default speed, and the
    preset's with every other speed."""
    speeds = read_settings(workspace.presets, Presets).speed
    served = question.serving.scale
    scales = sorted({*question.settings.sweep, served})
    default = [at_speed(DEFAULT_SPEED, speeds[DEFAULT_SPEED], scale) for scale in scales]
    others = [
        at_speed(name, speed, served) for name, speed in speeds.items() if name != DEFAULT_SPEED
    ]
    return default + others


def sweep_hash(workspace: Workspace, question: Question) -> str:
    """Of everything that a sweep's answers depend on, the strengths aside."""
    speeds = read_settings(workspace.presets, Presets).model_dump(mode="json", include={"speed"})
    return object_hash({"verdict": question.hash, **speeds})


def standing_sweep(
    workspace: Workspace, run_folder: Path, prompts: ValidationPrompts
) -> ScaleSweep | None:
    """The run's sweep if it stands for these very inputs, else None. Raises as `question_of`."""
    return standing_answers(workspace, question_of(workspace, run_folder, prompts))


def read_sweep(workspace: Workspace, run: str) -> ScaleSweep:
    """The sweep of a run, whether it stands or not. Raises MissingInputError, IntegrityError."""
    return read_document(workspace.sweep(run), ScaleSweep, what="a sweep", remedy=_REMEDY)


def swept_measurements(workspace: Workspace, sweep: ScaleSweep) -> SweptMeasurements:
    """What a sweep's answers rest on. Raises MissingInputError, and IntegrityError for
    measurements that can't be read or aren't the sweep's."""
    file, remedy = workspace.swept_pairs(sweep.run), sweep_again(workspace, sweep.run)
    found = read_document(file, SweptMeasurements, what="a sweep's measurements", remedy=remedy)
    if (sha256 := sha256_file(file)) != sweep.pairs_sha256:
        raise IntegrityError(
            "the measurements are not those of the sweep",
            file=file,
            found=sha256,
            expected=sweep.pairs_sha256,
            remedy=remedy,
        )
    return found


def sweep_again(workspace: Workspace, run: str) -> str:
    """What to do about a sweep that is not what was measured."""
    return f"delete {workspace.sweep(run).parent} and run `make sweep`"


def complete_sweep(
    workspace: Workspace, run_folder: Path, prompts: ValidationPrompts
) -> ScaleSweep | None:
    """The run's sweep if it stands and lacks nothing that `servings` names now, else None. Raises
    as `question_of`."""
    question = question_of(workspace, run_folder, prompts)
    found = standing_answers(workspace, question)
    return None if found is None or lacking(workspace, question, found) else found


def lacking(workspace: Workspace, question: Question, sweep: ScaleSweep) -> list[Serving]:
    """What a standing sweep did not judge, with whichever speed, at the strength that is served
    now: it was made before that strength was promoted."""
    judged = {(row.scale, row.speed) for row in sweep.scales}
    return [one for one in servings(workspace, question) if (one.scale, one.speed) not in judged]


def standing_answers(workspace: Workspace, question: Question) -> ScaleSweep | None:
    """The sweep that answers this very question, if there is one and it is as it was left."""
    try:
        refuse_unrecorded(workspace, workspace.sweep(question.record.run), remedy=_REMEDY)
    except SloraError:
        return None
    return answers_given(workspace, question)


def answers_given(workspace: Workspace, question: Question) -> ScaleSweep | None:
    """The sweep that says of itself that it answers this very question, if there is one."""
    try:
        found = read_sweep(workspace, question.record.run)
    except SloraError:
        return None
    swept = {row.scale for row in found.scales if row.speed == DEFAULT_SPEED}
    complete = swept.issuperset(question.settings.sweep)
    return found if complete and found.sweep_hash == sweep_hash(workspace, question) else None
