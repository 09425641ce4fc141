"""An adapter leaves the run: file, record, and the proof that the file does what memory did."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from slora_assets.base_models.base import ADAPTER_NAME, LoraShape, TrainingBatch
from slora_assets.config.errors import IntegrityError
from slora_assets.provenance.files import write_json
from slora_assets.provenance.hashing import canonical_json, object_hash, sha256_file
from slora_assets.provenance.records import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    AdapterRecord,
    ExportParity,
)
from slora_assets.training.draws import draw_sample
from slora_assets.training.levers import quantize
from slora_assets.training.plan import RunPlan
from slora_assets.training.sharding import shard_blocks

PARITY_TOLERANCE = 1e-3
"""Relative to the largest output: fp32 files reload to the bit, half-precision bases round."""


def lora_shape(plan: RunPlan) -> LoraShape:
    """The adapter's shape, from the run's settings."""
    lora = plan.settings.lora
    return LoraShape(lora.rank, lora.alpha, tuple(lora.targets))


def export_adapter(
    plan: RunPlan, transformer: Any, folder: Path, epoch: int, step: int, metrics: dict[str, Any]
) -> AdapterRecord:
    """Write the adapter and its record into `folder`; equal weights give equal bytes."""
    shape = lora_shape(plan)
    header = {
        "slora.base": f"{plan.identity.name}@{plan.identity.revision}",
        "slora.base_parts": object_hash(plan.identity.parts),
        "slora.config_hash": plan.config_hash,
        "slora.dataset_hash": plan.dataset_hash,
        "slora.run_hash": plan.run_hash,
        "slora.epoch": str(epoch),
        "slora.step": str(step),
        "slora.licence": plan.metadata.dataset.licence,
        "slora.base_licence": plan.identity.licence,
        "slora.metrics": canonical_json(_finite(metrics)),
        "slora.trigger_words": ", ".join(trigger_words(plan)),
    }
    plan.base.save_adapter(transformer, shape, header, folder / ADAPTER_FILE)
    record = AdapterRecord(
        sha256=sha256_file(folder / ADAPTER_FILE),
        bytes_=(folder / ADAPTER_FILE).stat().st_size,
        scenario=plan.scenario,
        base=plan.identity.name,
        base_revision=plan.identity.revision,
        base_parts=plan.identity.parts,
        base_licence=plan.identity.licence,
        rank=shape.rank,
        alpha=shape.alpha,
        targets=list(shape.targets),
        run_hash=plan.run_hash,
        config_hash=plan.config_hash,
        dataset_hash=plan.dataset_hash,
        epoch=epoch,
        step=step,
        metrics=metrics,
    )
    write_json(folder / ADAPTER_RECORD, record.model_dump(mode="json"))
    return record


def trigger_words(plan: RunPlan) -> list[str]:
    """Phrases that a scenario's training prompts share beside their captions: its description,
    where the prompt templates use it."""
    prompts = {prompt.casefold() for clip in plan.train_clips() for prompt in clip.prompts}
    described = (plan.metadata.scenarios[name].description for name in plan.scenarios)
    return [words for words in described if any(words.casefold() in one for one in prompts)]


def _finite(metrics: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what could not be measured is null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in metrics.items()
    }


def prove_export(
    plan: RunPlan, transformer: Any, file: Path, device: str, dtype: str
) -> ExportParity:
    """Reload `file` through the serving path into a fresh denoiser and compare the outputs.

    Every process calls this where the blocks are shared: the fresh denoiser is shared like the
    trained one, since it wouldn't fit either, and compared on the same device. Raises
    IntegrityError when the file does something else than the model in memory, or nothing at all
    compared with the base. `transformer` must hold the adapter that `file` was made from.
    """
    import torch

    was_training = transformer.training
    transformer.eval()
    try:
        batch = _fixed_input(plan, device)
        with torch.no_grad():
            fresh = _served(plan, file, device, dtype)
            served = plan.base.training_loss(fresh, batch)
            fresh.disable_adapters()
            plain = plan.base.training_loss(fresh, batch)
            memory = plan.base.training_loss(transformer, batch)
    finally:
        transformer.train(was_training)
    scale = float(memory.abs().max())
    parity = ExportParity(
        max_difference=float((served - memory).abs().max()) / scale,
        tolerance=PARITY_TOLERANCE,
        effect=float((served - plain).abs().max()) / scale,
    )
    if not parity.max_difference <= PARITY_TOLERANCE:
        raise IntegrityError(
            "the exported adapter doesn't do what the trained one did",
            file=file,
            key="max_difference",
            found=parity.max_difference,
            expected=f"at most {PARITY_TOLERANCE}",
            remedy="report this with the run's config.yaml",
        )
    if not parity.effect > 0:
        raise IntegrityError(
            "the exported adapter has no effect on the base",
            file=file,
            key="effect",
            found=parity.effect,
            expected="more than 0",
            remedy="train longer or with a higher learning rate",
        )
    return parity


def _served(plan: RunPlan, file: Path, device: str, dtype: str) -> Any:
    """A fresh denoiser with the adapter `file`, loaded as serving loads it."""
    levers = plan.settings.levers
    at_first = "cpu" if levers.shard_blocks else device
    fresh = plan.base.load_transformer(at_first, dtype).eval()
    # An adapter that learnt on a rounded base is proved on one.
    if levers.quantize != "none":
        quantize(fresh, levers.quantize)
    pipeline = plan.base.pipeline(at_first, dtype, fresh, text=False)
    plan.base.load_adapter(pipeline, file, ADAPTER_NAME)
    if levers.shard_blocks:
        shard_blocks(pipeline.transformer, device)
    return pipeline.transformer


def _fixed_input(plan: RunPlan, device: str) -> TrainingBatch:
    """One sample that is the same for every run with this base."""
    import torch

    shape = plan.base.latent_shape()
    draw = draw_sample(0, 0, 0, "parity", shape, 1, 0.0)
    generator = torch.Generator().manual_seed(0)
    text = torch.randn((1, *plan.base.text_shape()), generator=generator)
    return TrainingBatch(
        moments=torch.cat([draw.posterior_noise, torch.zeros(shape)])[None].to(device),
        embeddings=text.to(device),
        noise=draw.noise[None].to(device),
        posterior_noise=draw.posterior_noise[None].to(device),
        positions=torch.tensor([0.5], device=device),
    )
