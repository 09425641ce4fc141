"""An adapter leaves the run: file, record, and the proof that the file does what memory did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slora_assets.base_models.parts import Denoiser
from slora_assets.base_models.seam import ADAPTER_NAME, LoraShape, TrainingBatch, VideoBase
from slora_assets.config.errors import IntegrityError
from slora_assets.config.training import LeverSettings
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    AdapterRecord,
    BaseIdentity,
    ExportParity,
)
from slora_assets.provenance import canonical_json, object_hash, sha256_file, write_json
from slora_assets.training.loop.draws import draw_sample
from slora_assets.training.speed.levers import quantize
from slora_assets.training.speed.sharding import shard_blocks

PARITY_TOLERANCE = 1e-3
"""Relative to the largest output: fp32 files reload to the bit, half-precision bases round."""


@dataclass(frozen=True)
class AdapterOrigin:
    """What all adapters of a run have in common in their headers and records."""

    scenario: str | None
    """None for the unified adapter."""
    base: BaseIdentity
    licence: str
    """Of the footage."""
    trigger_words: Sequence[str]
    config_hash: str
    dataset_hash: str
    run_hash: str

    def header(self, epoch: int, step: int, metrics: dict[str, Any]) -> dict[str, str]:
        """What the file says of itself, beside what diffusers restores the layers from."""
        return {
            "slora.base": f"{self.base.name}@{self.base.revision}",
            "slora.base_parts": object_hash(self.base.parts),
            "slora.config_hash": self.config_hash,
            "slora.dataset_hash": self.dataset_hash,
            "slora.run_hash": self.run_hash,
            "slora.epoch": str(epoch),
            "slora.step": str(step),
            "slora.licence": self.licence,
            "slora.base_licence": self.base.licence,
            "slora.metrics": canonical_json(_finite(metrics)),
            "slora.trigger_words": ", ".join(self.trigger_words),
        }


def export_adapter(
    base: VideoBase,
    transformer: Denoiser,
    shape: LoraShape,
    origin: AdapterOrigin,
    folder: Path,
    epoch: int,
    step: int,
    metrics: dict[str, Any],
) -> AdapterRecord:
    """Write the adapter and its record into `folder`; equal weights give equal bytes."""
    base.save_adapter(
        transformer, shape, origin.header(epoch, step, metrics), folder / ADAPTER_FILE
    )
    record = AdapterRecord(
        sha256=sha256_file(folder / ADAPTER_FILE),
        bytes_=(folder / ADAPTER_FILE).stat().st_size,
        scenario=origin.scenario,
        base=origin.base.name,
        base_revision=origin.base.revision,
        base_parts=origin.base.parts,
        base_licence=origin.base.licence,
        rank=shape.rank,
        alpha=shape.alpha,
        targets=list(shape.targets),
        run_hash=origin.run_hash,
        config_hash=origin.config_hash,
        dataset_hash=origin.dataset_hash,
        epoch=epoch,
        step=step,
        metrics=metrics,
    )
    write_json(folder / ADAPTER_RECORD, record.model_dump(mode="json"))
    return record


def _finite(metrics: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what could not be measured is null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in metrics.items()
    }


def prove_export(
    base: VideoBase,
    levers: LeverSettings,
    transformer: Denoiser,
    file: Path,
    device: str,
    dtype: str,
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
        batch = _fixed_input(base, device)
        with torch.no_grad():
            fresh = _served(base, levers, file, device, dtype)
            served = base.training_loss(fresh, batch)
            fresh.disable_adapters()
            plain = base.training_loss(fresh, batch)
            memory = base.training_loss(transformer, batch)
    finally:
        transformer.train(was_training)
    scale = float(memory.abs().max())
    parity = ExportParity(
        max_difference=float((served - memory).abs().max()) / scale,
        tolerance=PARITY_TOLERANCE,
        effect=float((served - plain).abs().max()) / scale,
    )
    _check(parity, file)
    return parity


def _check(parity: ExportParity, file: Path) -> None:
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


def _served(
    base: VideoBase, levers: LeverSettings, file: Path, device: str, dtype: str
) -> Denoiser:
    """A fresh denoiser with the adapter `file`, loaded as serving loads it."""
    at_first = "cpu" if levers.shard_blocks else device
    fresh = base.load_transformer(at_first, dtype).eval()
    # An adapter that learnt on a rounded base is proved on one.
    if levers.quantize != "none":
        quantize(fresh, levers.quantize)
    pipeline = base.pipeline(at_first, dtype, fresh, text=False)
    base.load_adapter(pipeline, file, ADAPTER_NAME)
    if levers.shard_blocks:
        shard_blocks(pipeline.transformer, device)
    return pipeline.transformer


def _fixed_input(base: VideoBase, device: str) -> TrainingBatch:
    """One sample that is the same for every run with this base."""
    import torch

    shape = base.latent_shape()
    draw = draw_sample(0, 0, 0, "parity", shape, 1, 0.0)
    generator = torch.Generator().manual_seed(0)
    text = torch.randn((1, *base.text_shape()), generator=generator)
    return TrainingBatch(
        moments=torch.cat([draw.posterior_noise, torch.zeros(shape)])[None].to(device),
        embeddings=text.to(device),
        noise=draw.noise[None].to(device),
        posterior_noise=draw.posterior_noise[None].to(device),
        positions=torch.tensor([0.5], device=device),
    )
