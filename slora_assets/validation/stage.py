"""The validation stage: a run's best adapter against its base on the same prompts and seeds.

A run's folder in, `outputs/validation/<run>/` out: verdict, report, contact sheet and the clips.
The folder is renamed into place when it is complete; the same inputs give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    VERDICT_FILE,
    AsServed,
    NearestTrainingClip,
    NearestTrainingClips,
    PairedMeasurements,
    RunVerdict,
)
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import commit_folder, write_json, write_text
from slora_assets.provenance.ledger import put_on_record
from slora_assets.provenance.records import software_versions
from slora_assets.provenance.signatures import sign, signature_of
from slora_assets.validation.copies import nearest_training_clips
from slora_assets.validation.elsewhere import OtherPair, draw_others, forgetting
from slora_assets.validation.judging import Judged, Judging
from slora_assets.validation.question import question_of
from slora_assets.validation.report.contact_sheet import contact_sheet
from slora_assets.validation.report.markdown import validation_report
from slora_assets.validation.sampling import (
    mean_metrics,
    mean_scores,
    save_samples,
)
from slora_assets.validation.standing import standing_answer

_SHOWN = 8


def validate_run(
    workspace: Workspace,
    run_folder: Path,
    prompts: ValidationPrompts,
    report: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> RunVerdict:
    """Sample, score and judge; returns the standing verdict when there is one.

    Raises InterruptedRunError when asked to stop (nothing is written then), IntegrityError when the
    adapter isn't the recorded one, MissingInputError.
    """
    question = question_of(workspace, run_folder, prompts)
    standing = standing_answer(workspace, question)
    if standing is not None:
        report(f"{standing.run}: nothing to do, the verdict stands ({standing.gate.answer})")
        return standing
    judging = Judging(workspace, run_folder, question, report, should_stop)
    base = judging.sides.base
    served = question.serving.on(base)
    judged = judging.at(served, design=True)
    report(f"{question.record.run}: looking for what it forgot, and for copies")
    others = draw_others(judging, served)
    nearest = nearest_training_clips(
        workspace, base, question.record, question.clips, judged.adapter, judging.check
    )
    verdict = _verdict(judging, served, judged, others, nearest)
    _write(workspace, judging, verdict, judged, others, nearest)
    report(f"{verdict.run}: {verdict.gate.answer}: {' '.join(verdict.gate.reasons[:2])}")
    return verdict


def _verdict(
    judging: Judging,
    served: AsServed,
    judged: Judged,
    others: Sequence[OtherPair],
    nearest: Sequence[NearestTrainingClip],
) -> RunVerdict:
    question = judging.question
    trusted, note = judging.trusted()
    return RunVerdict(
        run=question.record.run,
        run_hash=question.record.run_hash,
        adapter_sha256=judging.adapter.sha256,
        validation_hash=question.hash,
        served=served,
        base=judging.sides.base.identity(),
        scorer=question.record.scorer,
        scores_trusted=trusted,
        scores_note=note,
        base_scores=mean_scores(judged.base),
        adapter_scores=mean_scores(judged.adapter),
        footage_scores=mean_metrics([clip.scores for clip in judging.footage_clips]),
        elsewhere=forgetting(others, question.gate),
        copies=sum(row.copied for row in nearest) if nearest else None,
        gate=judged.gate,
        question=question.told,
        software=software_versions(),
        threads=torch.get_num_threads(),
    )


def _write(
    workspace: Workspace,
    judging: Judging,
    verdict: RunVerdict,
    judged: Judged,
    others: Sequence[OtherPair],
    nearest: list[NearestTrainingClip],
) -> None:
    final, fps = workspace.validation(verdict.run), judging.sides.base.geometry.fps
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    samples = partial / "samples"
    sides = {"base": judged.base, "adapter": judged.adapter}
    for side, clips in sides.items():
        save_samples(samples / side, clips, fps)
    footage = [one for mine in judging.footage.values() for one in mine]
    _save(samples / "footage", {one.clip.id: one.drawn.frames for one in footage}, fps)
    for side in ("base", "adapter"):
        shown = {f"{o.asked.prompt.id}_{o.asked.seed}": getattr(o, side) for o in others}
        _save(samples / "elsewhere" / side, shown, fps)
    contact_sheet(partial / "contact_sheet.png", judged.base[:_SHOWN], judged.adapter[:_SHOWN])
    measured = PairedMeasurements(pairs=judged.pairs, footage=judging.footage_clips)
    write_json(partial / workspace.judged_pairs(verdict.run).name, measured.model_dump(mode="json"))
    rows = NearestTrainingClips(clips=nearest)
    write_json(partial / "nearest.json", rows.model_dump(mode="json"))
    write_text(partial / "report.md", validation_report(verdict, sides))
    write_json(partial / VERDICT_FILE, verdict.model_dump(mode="json"))
    signature = signature_of(partial / VERDICT_FILE).name
    sign(partial / VERDICT_FILE, "the verdict")
    commit_folder(partial, final)
    put_on_record(
        workspace,
        "verdict",
        final / VERDICT_FILE,
        parents=[judging.run_record, *map(workspace.manifest, judging.question.record.scenarios)],
        files=sorted(
            one
            for one in final.rglob("*")
            if one.is_file() and one.name not in (VERDICT_FILE, signature)
        ),
    )


def _save(folder: Path, clips: Mapping[str, NDArray[np.uint8]], fps: float) -> None:
    for name, frames in clips.items():
        write_mp4(folder / f"{name}.mp4", frames, fps)
