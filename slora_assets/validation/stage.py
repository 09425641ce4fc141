"""The validation stage: a run's best adapter against its base on the same prompts and seeds.

A run's folder in, `outputs/validation/<run>/` out: verdict, report, contact sheet and the paired
clips. The folder is renamed into place when it is complete; the same inputs give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.reading import CacheReader
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.validation_prompts import missing_prompts, other_prompts
from slora_assets.documents import (
    ADAPTER_FILE,
    VERDICT_FILE,
    PairedMeasurements,
    RunVerdict,
)
from slora_assets.processes.device import chosen_device, compute_repeatably
from slora_assets.provenance import commit_folder, write_json, write_text
from slora_assets.provenance.records import read_adapter_record, read_run_record
from slora_assets.validation.footage import measure_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.pairs import paired
from slora_assets.validation.report.contact_sheet import contact_sheet
from slora_assets.validation.report.markdown import validation_report
from slora_assets.validation.sampling import (
    Sample,
    mean_metrics,
    mean_scores,
    new_drawing,
    new_sampler,
    sample_prompts,
    save_samples,
)
from slora_assets.validation.standing import (
    clips_of,
    prompts_asked,
    standing_verdict,
    validation_hash,
)

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
    standing = standing_verdict(workspace, run_folder, prompts)
    if standing is not None:
        report(f"{standing.run}: nothing to do, the verdict stands ({standing.gate.answer})")
        return standing
    return _validate_anew(workspace, run_folder, prompts, report, should_stop)


def _validate_anew(
    workspace: Workspace,
    run_folder: Path,
    prompts: ValidationPrompts,
    report: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> RunVerdict:
    record = read_run_record(run_folder)
    adapter = run_folder / record.best.path
    adapter_record = read_adapter_record(adapter)
    settings = read_settings(run_folder / "config.yaml", TrainingSettings)
    clips = clips_of(workspace, record)
    asked = prompts_asked(record, prompts, clips)
    device = chosen_device()
    compute_repeatably()
    base = open_base(settings.base_model, workspace.models)
    contrasts = {name: other_prompts(prompts, name) for name in record.scenarios}
    scorer = open_scorer(settings.scorer, workspace.models, device)
    report(f"{record.run}: measuring footage")
    footage = measure_footage(workspace, base, scorer, clips, contrasts, device)
    reader = CacheReader(workspace, base.identity(), base.geometry)
    drawing = new_drawing(base, settings.validation, reader.embedding)
    sampler = new_sampler(drawing, scorer, footage, contrasts)
    pipeline = base.pipeline(device, settings.sampling_dtype(device), text=False)

    def on_step(_done: int, _total: int) -> None:
        if should_stop():
            raise InterruptedRunError(
                f"{record.run}: validation stopped as asked", remedy="run it again"
            )

    def sampled(side: str) -> list[Sample]:
        report(f"{record.run}: sampling {len(asked)} prompts with the {side}")
        return sample_prompts(sampler, pipeline, asked, prompts.seeds, on_step)

    sides = {"base": sampled("base")}
    base.load_adapter(pipeline, adapter / ADAPTER_FILE, "validated")
    sides["adapter"] = sampled("adapter")
    pairs = paired(sides["base"], sides["adapter"], prompts.gate.same_clip)
    shown = [clip for mine in footage.values() for clip in mine]
    trusted, note = sampler.trusted()
    verdict = RunVerdict(
        run=record.run,
        run_hash=record.run_hash,
        adapter_sha256=adapter_record.sha256,
        validation_hash=validation_hash(record, prompts, asked, clips),
        base=base.identity(),
        scorer=record.scorer,
        scores_trusted=trusted,
        scores_note=note,
        base_scores=mean_scores(sides["base"]),
        adapter_scores=mean_scores(sides["adapter"]),
        footage_scores=mean_metrics([clip.scores for clip in shown]),
        gate=judge(
            pairs,
            shown,
            prompts.gate,
            trusted=trusted,
            untrusted_reason=note,
            advice=missing_prompts(prompts, record.scenarios, clips),
        ),
    )
    measured = PairedMeasurements(pairs=pairs, footage=shown)
    _write(workspace, verdict, measured, sides, base.geometry.fps)
    report(f"{record.run}: {verdict.gate.answer}: {' '.join(verdict.gate.reasons[:2])}")
    return verdict


def _write(
    workspace: Workspace,
    verdict: RunVerdict,
    measured: PairedMeasurements,
    sides: dict[str, list[Sample]],
    fps: float,
) -> None:
    final = workspace.validation(verdict.run)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for side, samples in sides.items():
        save_samples(partial / "samples" / side, samples, fps)
    contact_sheet(partial / "contact_sheet.png", sides["base"][:_SHOWN], sides["adapter"][:_SHOWN])
    write_json(partial / "pairs.json", measured.model_dump(mode="json"))
    write_text(partial / "report.md", validation_report(verdict, sides))
    write_json(partial / VERDICT_FILE, verdict.model_dump(mode="json"))
    commit_folder(partial, final)
