"""The sweep: a run's adapter judged at several strengths, and with every speed preset.

`outputs/sweeps/<run>/sweep.json` out; promotion takes strengths and speeds from it. Its clips are
not kept: the verdict's own are what people look at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import DEFAULT_SPEED, Presets, ScaleSweep, SweptScale
from slora_assets.provenance import object_hash, write_json
from slora_assets.provenance.records import read_document
from slora_assets.validation.as_served import Serving, at_speed
from slora_assets.validation.judging import Judging
from slora_assets.validation.question import Question, question_of
from slora_assets.validation.report.sweep_plot import write_sweep_plot
from slora_assets.validation.sampling import mean_metrics, mean_scores

_REMEDY = "run `make sweep`"


def sweep_run(
    workspace: Workspace,
    run_folder: Path,
    prompts: ValidationPrompts,
    report: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> ScaleSweep:
    """Judge the run's best adapter at every strength; returns the standing sweep when there is one.

    A clearly worse strength is given up early. Raises InterruptedRunError when asked to stop
    (nothing is written then), IntegrityError when the adapter isn't the recorded one,
    MissingInputError.
    """
    question = question_of(workspace, run_folder, prompts)
    standing = _standing(workspace, question)
    if standing is not None:
        report(f"{standing.run}: nothing to do, the sweep stands")
        return standing
    judging = Judging(workspace, run_folder, question, report, should_stop)
    rows: list[SweptScale] = []
    base_scores = {}
    for serving in servings(workspace, question):
        judged = judging.at(serving.on(judging.base))
        if serving.speed == DEFAULT_SPEED and not judged.gate.given_up:
            base_scores = mean_scores(judged.base)
        rows.append(
            SweptScale(
                scale=serving.scale,
                speed=serving.speed,
                answer=judged.gate.answer,
                reasons=judged.gate.reasons,
                adapter_scores=mean_scores(judged.adapter),
                metrics=judged.gate.metrics,
                n_clips=judged.gate.n_clips,
            )
        )
        report(f"{question.record.run}: {serving.scale:g} ({serving.speed}): {rows[-1].answer}")
    swept = ScaleSweep(
        run=question.record.run,
        adapter_sha256=judging.adapter.sha256,
        sweep_hash=sweep_hash(workspace, question),
        base_scores=base_scores,
        footage_scores=mean_metrics([clip.scores for clip in judging.footage_clips]),
        scales=rows,
    )
    # The picture comes first: the document is what says that a sweep stands.
    file = workspace.sweep(question.record.run)
    write_sweep_plot(file.with_suffix(".png"), swept)
    write_json(file, swept.model_dump(mode="json"))
    return swept


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
    return _standing(workspace, question_of(workspace, run_folder, prompts))


def read_sweep(workspace: Workspace, run: str) -> ScaleSweep:
    """The sweep of a run, whether it stands or not. Raises MissingInputError, IntegrityError."""
    return read_document(workspace.sweep(run), ScaleSweep, what="a sweep", remedy=_REMEDY)


def _standing(workspace: Workspace, question: Question) -> ScaleSweep | None:
    try:
        found = read_sweep(workspace, question.record.run)
    except SloraError:
        return None
    swept = {row.scale for row in found.scales if row.speed == DEFAULT_SPEED}
    complete = swept.issuperset(question.settings.sweep)
    return found if complete and found.sweep_hash == sweep_hash(workspace, question) else None
