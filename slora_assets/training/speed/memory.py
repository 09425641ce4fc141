"""What to do when memory runs out: the levers that would help, with this run's numbers."""

from __future__ import annotations

import resource
import sys
from typing import Final

from slora_assets.base_models.parts import Denoiser
from slora_assets.config.errors import TrainingError
from slora_assets.config.training import LeverSettings, TrainingSettings
from slora_assets.training.speed.blocks import blocks_of
from slora_assets.training.speed.sharding import held_bytes

_GB: Final = 1e9
_BYTES_A_WEIGHT: Final = {"int8": 1.0, "nf4": 0.5}


def peak_memory_bytes() -> int:
    """Most memory so far: the accelerator's where there is one, else this process's."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the accelerator or on the host."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text
    )


def out_of_memory(
    error: BaseException, transformer: Denoiser, settings: TrainingSettings, peak_bytes: int
) -> TrainingError:
    """The error to raise instead: it says what took the memory and what each lever would save."""
    weights = sum(held_bytes(p) for p in transformer.parameters())
    blocks = blocks_of(transformer)
    in_blocks = sum(p.nbytes for b in blocks for p in b.parameters() if not p.requires_grad)
    count = sum(p.numel() for b in blocks for p in b.parameters() if not p.requires_grad)
    activations = max(0, peak_bytes - weights)
    advice = []
    if not settings.gradient_checkpointing:
        advice.append(
            "gradient_checkpointing=true keeps the activations of one block of"
            f" {len(blocks)} ({_gb(activations / len(blocks))} instead of {_gb(activations)})"
        )
    if settings.batch_size > 1:
        half = settings.batch_size // 2
        advice.append(
            f"batch_size={half} with accumulation_steps={2 * settings.accumulation_steps} learns"
            f" the same from {_gb(activations * half / settings.batch_size)} of activations"
        )
    levers = settings.levers
    if levers.quantize == "none" and not levers.shard_blocks:
        advice += [
            f"levers.quantize={kind} makes the blocks' weights {_gb(count * size)} instead of"
            f" {_gb(in_blocks)}"
            for kind, size in _BYTES_A_WEIGHT.items()
            if count * size < in_blocks
        ]
    if levers.offload_blocks < len(blocks) and not levers.shard_blocks:
        advice.append(
            f"levers.offload_blocks={len(blocks)} keeps one block's {_gb(in_blocks / len(blocks))}"
            f" of weights on the device instead of {_gb(in_blocks)}"
        )
    if levers == LeverSettings():
        advice.append(
            "levers.shard_blocks=true with two processes keeps"
            f" {_gb(in_blocks / 2)} of the blocks' weights on each device"
        )
    return TrainingError(
        f"memory ran out ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
        key="batch_size",
        found=f"{settings.batch_size}, with {_gb(weights)} of weights and about"
        f" {_gb(activations)} of activations when it ran out",
        remedy="; or ".join(advice) or "use a device with more memory",
    )


def _gb(number: float) -> str:
    return f"{number / _GB:.2f} GB"
