"""The sweep: a run's adapter judged at several strengths, and with every speed preset.

`outputs/sweeps/<run>/sweep.json` out, and beside it the pairs that it was judged by; promotion
judges them again and takes strengths from them. The clips are not kept: the verdict's own are what
people look at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    DEFAULT_SPEED,
    RUN_RECORD,
    MeasuredScale,
    ScaleSweep,
    SweptMeasurements,
    SweptScale,
)
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.ledger import put_on_record
from slora_assets.validation.as_served import Serving
from slora_assets.validation.judging import Judged, Judging
from slora_assets.validation.question import question_of
from slora_assets.validation.report.sweep_plot import write_sweep_plot
from slora_assets.validation.sampling import mean_metrics, mean_scores
from slora_assets.validation.swept import servings, standing_answers, sweep_hash


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
    standing = standing_answers(workspace, question)
    if standing is not None:
        report(f"{standing.run}: nothing to do, the sweep stands")
        return standing
    judging = Judging(workspace, run_folder, question, report, should_stop)
    rows: list[SweptScale] = []
    measured: list[MeasuredScale] = []
    base_scores = {}
    for serving in servings(workspace, question):
        judged = judging.at(serving.on(judging.base))
        if serving.speed == DEFAULT_SPEED and not judged.gate.given_up:
            base_scores = mean_scores(judged.base)
        rows.append(_answered(serving, judged))
        measured.append(_measured(serving, judged))
        report(f"{question.record.run}: {serving.scale:g} ({serving.speed}): {rows[-1].answer}")
    # The document comes last: it is what says that a sweep stands.
    file, pairs = workspace.sweep(question.record.run), workspace.swept_pairs(question.record.run)
    document = SweptMeasurements(footage=judging.footage_clips, scales=measured)
    write_json(pairs, document.model_dump(mode="json"))
    swept = ScaleSweep(
        run=question.record.run,
        adapter_sha256=judging.adapter.sha256,
        pairs_sha256=sha256_file(pairs),
        sweep_hash=sweep_hash(workspace, question),
        base_scores=base_scores,
        footage_scores=mean_metrics([clip.scores for clip in judging.footage_clips]),
        scales=rows,
    )
    write_sweep_plot(file.with_suffix(".png"), swept)
    write_json(file, swept.model_dump(mode="json"))
    put_on_record(
        workspace,
        "sweep",
        file,
        parents=[run_folder / RUN_RECORD],
        files=[file.with_suffix(".png"), pairs],
    )
    return swept


def _answered(serving: Serving, judged: Judged) -> SweptScale:
    return SweptScale(
        scale=serving.scale,
        speed=serving.speed,
        answer=judged.gate.answer,
        reasons=judged.gate.reasons,
        adapter_scores=mean_scores(judged.adapter),
        metrics=judged.gate.metrics,
        n_clips=judged.gate.n_clips,
    )


def _measured(serving: Serving, judged: Judged) -> MeasuredScale:
    return MeasuredScale(
        scale=serving.scale,
        speed=serving.speed,
        pairs=judged.pairs,
        held_out=judged.gate.held_out,
        given_up=judged.gate.given_up,
    )
