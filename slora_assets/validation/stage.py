"""The validation stage: a run's best adapter against its base on the same prompts and seeds.

A run's folder in, `outputs/validation/<run>/` out: verdict, report, contact sheet and the paired
clips. The folder is renamed into place when it is complete; the same inputs give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.base_models.base import BaseIdentity
from slora_assets.base_models.base import BaseModel as Base
from slora_assets.base_models.registry import open_base
from slora_assets.base_models.sampling import compute_repeatably
from slora_assets.config.errors import IntegrityError, InterruptedRunError, SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.metadata import Clip, read_metadata
from slora_assets.latents.cache import read_array, text_file, text_key
from slora_assets.provenance.files import commit_folder, read_json, write_json, write_text
from slora_assets.provenance.hashing import object_hash
from slora_assets.provenance.records import (
    ADAPTER_FILE,
    RunRecord,
    read_adapter_record,
    read_run_record,
)
from slora_assets.validation.gate import PromptPair, Verdict, judge
from slora_assets.validation.prompts import Prompt, ValidationPrompts, prompts_of, spread
from slora_assets.validation.report import contact_sheet, validation_report
from slora_assets.validation.sampling import (
    Sample,
    Sampler,
    mean_scores,
    motion_reference,
    sample_prompts,
    save_samples,
)
from slora_assets.validation.scorer import open_scorer

VALIDATION_VERSION = 1
"""Raise it when a change of the code changes a verdict."""

VERDICT = "verdict.json"
_SHOWN = 8


class RunVerdict(BaseModel):
    """`verdict.json`: the gate's answer about one adapter, and what it was measured with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    run: str
    run_hash: str
    adapter_sha256: str
    validation_hash: str
    base: BaseIdentity
    scorer: dict[str, Any]
    scores_trusted: bool
    scores_note: str | None
    base_scores: dict[str, Any]
    adapter_scores: dict[str, Any]
    verdict: Verdict


def validation_hash(record: RunRecord, prompts: ValidationPrompts, asked: list[Prompt]) -> str:
    """Everything that a verdict depends on."""
    return object_hash(
        {
            "version": VALIDATION_VERSION,
            "adapter": record.best.sha256,
            "run": record.run_hash,
            "prompts": [[prompt.id, prompt.text] for prompt in asked],
            "seeds": prompts.seeds,
            "gate": prompts.gate.model_dump(mode="json"),
        }
    )


def prompts_asked(record: RunRecord, prompts: ValidationPrompts, clips: list[Clip]) -> list[Prompt]:
    """The prompts of a run's validation: all of its scenario's; for the unified run an equal share
    of each scenario's, as many in all as the gate needs."""
    mine = {scenario: prompts_of(prompts, scenario, clips) for scenario in record.scenarios}
    if len(mine) == 1:
        return next(iter(mine.values()))
    share = -(-prompts.gate.min_prompts // len(mine))
    return [prompt for found in mine.values() for prompt in spread(found, share)]


def standing_verdict(
    workspace: Workspace, run_folder: Path, prompts: ValidationPrompts
) -> RunVerdict | None:
    """The run's verdict if it stands for these very inputs, else None.

    Raises MissingInputError when the run isn't trained.
    """
    record = read_run_record(run_folder)
    clips = read_metadata(workspace.scenario_metadata).clips
    wanted = validation_hash(record, prompts, prompts_asked(record, prompts, clips))
    try:
        found = read_verdict(workspace, record.run)
    except SloraError:
        return None
    return found if found.validation_hash == wanted else None


def read_verdict(workspace: Workspace, run: str) -> RunVerdict:
    """The verdict of a run. Raises MissingInputError, IntegrityError."""
    path = workspace.validation(run) / VERDICT
    document = read_json(path, remedy="run `make validate`")
    try:
        return RunVerdict.model_validate(document)
    except ValidationError as error:
        raise IntegrityError(
            f"not a verdict ({error.errors(include_url=False)[0]['msg']})",
            file=path,
            remedy="run `make validate` again",
        ) from error


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
        report(f"{standing.run}: nothing to do, the verdict stands ({standing.verdict.verdict})")
        return standing
    record = read_run_record(run_folder)
    adapter = run_folder / record.best.path
    adapter_record = read_adapter_record(adapter)
    settings = read_settings(run_folder / "config.yaml", TrainingSettings)
    clips = read_metadata(workspace.scenario_metadata).clips
    asked = prompts_asked(record, prompts, clips)
    device = _device()
    base = open_base(settings.base_model, workspace.models)
    sampler = _sampler(workspace, record, settings, base, clips, device)
    pipeline = base.pipeline(device, _dtype(settings, device), text=False)
    sides: dict[str, list[Sample]] = {}

    def on_step(_done: int, _total: int) -> None:
        if should_stop():
            raise InterruptedRunError(
                f"{record.run}: validation stopped as asked", remedy="run it again"
            )

    for side in ("base", "adapter"):
        if side == "adapter":
            base.load_adapter(pipeline, adapter / ADAPTER_FILE, "validated")
        report(f"{record.run}: sampling {len(asked)} prompts with the {side}")
        sides[side] = sample_prompts(sampler, pipeline, asked, prompts.seeds, on_step)
    pairs = [_pair(b, a) for b, a in zip(sides["base"], sides["adapter"], strict=True)]
    trusted, note = sampler.trusted()
    verdict = RunVerdict(
        run=record.run,
        run_hash=record.run_hash,
        adapter_sha256=adapter_record.sha256,
        validation_hash=validation_hash(record, prompts, asked),
        base=base.identity(),
        scorer=record.scorer,
        scores_trusted=trusted,
        scores_note=note,
        base_scores=mean_scores(sides["base"]),
        adapter_scores=mean_scores(sides["adapter"]),
        verdict=judge(pairs, prompts.gate, trusted=trusted, untrusted_reason=note),
    )
    _write(workspace, verdict, pairs, sides, base.geometry.fps)
    report(f"{record.run}: {verdict.verdict.verdict}: {' '.join(verdict.verdict.reasons[:2])}")
    return verdict


def _sampler(
    workspace: Workspace,
    record: RunRecord,
    settings: TrainingSettings,
    base: Base,
    clips: list[Clip],
    device: str,
) -> Sampler:
    identity = base.identity()
    seen = {clip.id for clip in record.clips if clip.split == "train"}

    def embedding(prompt: str) -> NDArray[np.float16]:
        path = text_file(workspace.text_embeddings, prompt, identity)
        return read_array(path, "embedding", text_key(prompt, identity), "run `make preprocess`")

    return Sampler(
        base=base,
        scorer=open_scorer(settings.scorer, workspace.models, device),
        embeddings=embedding,
        motion_references={
            scenario: motion_reference(
                [
                    (workspace.absolute(clip.path), clip.start_s)
                    for clip in clips
                    if clip.scenario == scenario and clip.id in seen
                ],
                base,
            )
            for scenario in record.scenarios
        },
        steps=settings.validation.steps or base.inference.steps,
        guidance_scale=base.inference.guidance_scale
        if settings.validation.guidance_scale is None
        else settings.validation.guidance_scale,
    )


def _pair(base: Sample, adapter: Sample) -> PromptPair:
    difference = np.abs(base.frames.astype(np.int16) - adapter.frames.astype(np.int16)).mean() / 255
    return PromptPair(
        prompt_id=base.prompt.id,
        base=base.metrics(),
        adapter=adapter.metrics(),
        base_frozen=base.temporal.frozen,
        adapter_frozen=adapter.temporal.frozen,
        difference=float(difference),
    )


def _write(
    workspace: Workspace,
    verdict: RunVerdict,
    pairs: list[PromptPair],
    sides: dict[str, list[Sample]],
    fps: float,
) -> None:
    final = workspace.validation(verdict.run)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for side, samples in sides.items():
        save_samples(partial / "samples" / side, samples, fps)
    contact_sheet(partial / "contact_sheet.png", sides["base"][:_SHOWN], sides["adapter"][:_SHOWN])
    write_json(
        partial / "pairs.json",
        {"schema_version": 1, "pairs": [pair.model_dump(mode="json") for pair in pairs]},
    )
    write_text(partial / "report.md", validation_report(verdict, sides))
    write_json(partial / VERDICT, verdict.model_dump(mode="json"))
    commit_folder(partial, final)


def _device() -> str:
    import torch

    compute_repeatably()
    return "cuda" if torch.cuda.is_available() else "cpu"


def _dtype(settings: TrainingSettings, device: str) -> str:
    """Half precision only on an accelerator, and then the one the adapter was trained with."""
    if device == "cpu":
        return "float32"
    return {"no": "float32", "fp16": "float16", "bf16": "bfloat16"}[settings.precision]
