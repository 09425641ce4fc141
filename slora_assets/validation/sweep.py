"""The sweep: a run's adapter judged at several strengths, and with every speed preset.

`outputs/sweeps/<run>/sweep.json` out, and beside it the pairs that it was judged by; promotion
judges them again and takes strengths from them. The clips are not kept: the verdict's own are what
people look at.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    DEFAULT_SPEED,
    RUN_RECORD,
    AsServed,
    GateDecision,
    MeasuredScale,
    PairedMeasurements,
    PromptPair,
    ScaleSweep,
    SweptMeasurements,
    SweptScale,
)
from slora_assets.provenance import commit_folder, sha256_file, write_json
from slora_assets.provenance.ledger import put_on_record
from slora_assets.provenance.records import read_document, software_versions
from slora_assets.validation.as_served import Serving
from slora_assets.validation.judging import Judging
from slora_assets.validation.question import question_of
from slora_assets.validation.report.sweep_plot import write_sweep_plot
from slora_assets.validation.sampling import mean_metrics, mean_scores
from slora_assets.validation.standing import standing_answer
from slora_assets.validation.swept import (
    lacking,
    servings,
    standing_answers,
    sweep_hash,
    swept_measurements,
)

_Row: TypeAlias = tuple[SweptScale, MeasuredScale]
"""The gate's answer at a strength, and what it rests on."""


def sweep_run(
    workspace: Workspace,
    run_folder: Path,
    prompts: ValidationPrompts,
    report: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> ScaleSweep:
    """Judge the run's best adapter at every strength; returns the standing sweep when there is one.

    The verdict's own strength is taken from the verdict where that stands, and others from a sweep
    that stands, was made with the same software and threads, and lacks the strength that is served
    now; a clearly worse one is given up early. Raises InterruptedRunError when asked to stop
    (nothing is written then), IntegrityError when the adapter isn't the recorded one,
    MissingInputError.
    """
    question = question_of(workspace, run_folder, prompts)
    standing = standing_answers(workspace, question)
    wanted = servings(workspace, question)
    if standing is not None:
        lacks = lacking(workspace, question, standing)
        if not lacks:
            report(f"{standing.run}: nothing to do, the sweep stands")
            return standing
        # What the record says that it was made with holds for all of its rows.
        if (standing.software, standing.threads) == _made_with():
            wanted = lacks
        else:
            report(f"{standing.run}: all strengths again, software or threads are others now")
            standing = None
    judging = Judging(workspace, run_folder, question, report, should_stop)
    known = _of_verdict(workspace, judging)
    rows: list[_Row] = []
    base_scores: dict[str, Any] = {}
    if standing is not None:
        scales = swept_measurements(workspace, standing).scales
        rows = list(zip(standing.scales, scales, strict=True))
        base_scores = standing.base_scores
    for serving in wanted:
        served = serving.on(judging.sides.base)
        if known is not None and known.served == served:
            report(f"{question.record.run}: {serving.scale:g} was measured for the verdict")
            found = known
        else:
            found = _drawn(judging, served)
        if serving.speed == DEFAULT_SPEED and not found.gate.given_up:
            base_scores = found.base_scores
        rows.append((_answered(serving, found), _measured(serving, found)))
        answer = found.gate.answer
        report(f"{question.record.run}: {serving.scale:g} ({serving.speed}): {answer}")
    return _written(workspace, run_folder, judging, rows, base_scores)


def _written(
    workspace: Workspace,
    run_folder: Path,
    judging: Judging,
    rows: Sequence[_Row],
    base_scores: dict[str, Any],
) -> ScaleSweep:
    """The sweep, on record: its folder is renamed whole, so that what was measured and what is said
    of it are of one sweep. Until it is on record it counts as none."""
    question = judging.question
    file, final = workspace.sweep(question.record.run), workspace.swept_pairs(question.record.run)
    partial = file.parent.with_name(f".{file.parent.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pairs = partial / final.name
    speeds = list(dict.fromkeys(row.speed for row, _ in rows))
    rows = sorted(rows, key=lambda one: (speeds.index(one[0].speed), one[0].scale))
    measured = [one for _, one in rows]
    document = SweptMeasurements(footage=judging.footage_clips, scales=measured)
    write_json(pairs, document.model_dump(mode="json"))
    software, threads = _made_with()
    swept = ScaleSweep(
        run=question.record.run,
        adapter_sha256=judging.adapter.sha256,
        pairs_sha256=sha256_file(pairs),
        sweep_hash=sweep_hash(workspace, question),
        base_scores=base_scores,
        footage_scores=mean_metrics([clip.scores for clip in judging.footage_clips]),
        scales=[row for row, _ in rows],
        software=software,
        threads=threads,
    )
    write_sweep_plot(partial / file.with_suffix(".png").name, swept)
    write_json(partial / file.name, swept.model_dump(mode="json"))
    commit_folder(partial, file.parent)
    put_on_record(
        workspace,
        "sweep",
        file,
        parents=[run_folder / RUN_RECORD],
        files=[file.with_suffix(".png"), final],
    )
    return swept


def _made_with() -> tuple[dict[str, str], int]:
    """What clips are measured with here."""
    return software_versions(), torch.get_num_threads()


@dataclass(frozen=True)
class _Strength:
    """What was measured at one strength, and what the gate says of it."""

    served: AsServed
    pairs: list[PromptPair]
    gate: GateDecision
    base_scores: dict[str, Any]
    adapter_scores: dict[str, Any]


def _drawn(judging: Judging, served: AsServed) -> _Strength:
    judged = judging.at(served)
    sides = mean_scores(judged.base), mean_scores(judged.adapter)
    return _Strength(served, judged.pairs, judged.gate, *sides)


def _of_verdict(workspace: Workspace, judging: Judging) -> _Strength | None:
    """The strength that the verdict is about, by the verdict's own measurements: the same clips
    drawn again would be measured alike. None where no verdict stands, or it was given before all
    clips were drawn."""
    verdict = standing_answer(workspace, judging.question)
    if verdict is None or verdict.gate.given_up:
        return None
    measured = read_document(
        workspace.judged_pairs(verdict.run),
        PairedMeasurements,
        what="a verdict's measurements",
        remedy="run `make validate`",
    )
    gate = judging.decide(measured.pairs, verdict.gate.held_out)
    sides = verdict.base_scores, verdict.adapter_scores
    return _Strength(verdict.served, measured.pairs, gate, *sides)


def _answered(serving: Serving, found: _Strength) -> SweptScale:
    return SweptScale(
        scale=serving.scale,
        speed=serving.speed,
        answer=found.gate.answer,
        reasons=found.gate.reasons,
        adapter_scores=found.adapter_scores,
        metrics=found.gate.metrics,
        n_clips=found.gate.n_clips,
    )


def _measured(serving: Serving, found: _Strength) -> MeasuredScale:
    return MeasuredScale(
        scale=serving.scale,
        speed=serving.speed,
        pairs=found.pairs,
        held_out=found.gate.held_out,
        given_up=found.gate.given_up,
    )
