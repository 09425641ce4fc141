"""What the training losses of all bases are made of: the clean sample, the type to compute in, the
error."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from slora_assets.base_models.parts import Denoiser, Predictor
from slora_assets.base_models.seam import TrainingBatch

if TYPE_CHECKING:
    import torch

_DTYPES: WeakKeyDictionary[object, torch.dtype] = WeakKeyDictionary()
"""Denoisers to their types, which stay as they were loaded."""


def posterior_sample(batch: TrainingBatch) -> torch.Tensor:
    """The VAE's sample [B, C, F, H, W] at the batch's moments and posterior noise."""
    import torch

    mean, log_variance = batch.moments.chunk(2, dim=1)
    spread = torch.exp(0.5 * log_variance.clamp(-30.0, 20.0))
    return mean + spread * batch.posterior_noise


def dtype_of(transformer: Predictor) -> torch.dtype:
    """The denoiser's type. Several processes train through a wrapper, which has none of its own.

    diffusers looks for it in a walk over all modules, a millisecond of every step: asked once.
    """
    # A wrapper keeps what it wraps there; what is no wrapper is a denoiser itself.
    module = cast("Denoiser", getattr(transformer, "module", transformer))
    if module not in _DTYPES:
        _DTYPES[module] = module.dtype
    return _DTYPES[module]


def mean_squared_error(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Over everything but the batch, [B], in fp32."""
    return (predicted.float() - target.float()).pow(2).mean(dim=tuple(range(1, target.ndim)))
