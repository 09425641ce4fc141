"""Held-out loss: the denoising loss of validation clips at fixed noise and fixed timesteps.

Fixed quantiles of the timestep range and noise seeded by clip make the figure comparable between
epochs and runs (tdrussell/diffusion-pipe `train.py`); no global random state is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Denoiser
from slora_assets.base_models.seam import TrainingBatch, VideoBase
from slora_assets.provenance import sha256_bytes


@dataclass(frozen=True)
class HeldOutClip:
    """A validation clip's caches: moments [2C, F, H, W] and the embedding [L, D] of one prompt."""

    id: str
    moments: NDArray[np.float16]
    embedding: NDArray[np.float16]


@dataclass(frozen=True)
class HeldOutLoss:
    """Mean over clips and quantiles, and the mean at each quantile."""

    mean: float
    by_quantile: dict[str, float]


def held_out_loss(
    base: VideoBase,
    transformer: Denoiser,
    clips: Sequence[HeldOutClip],
    quantiles: Sequence[float],
) -> HeldOutLoss:
    """Measure the loss of `clips` (at least one); one clip and all quantiles a forward pass."""
    import torch

    device = transformer.device
    was_training = transformer.training
    transformer.eval()
    rows = []
    try:
        with torch.no_grad():
            for clip in clips:
                moments = torch.from_numpy(clip.moments).float()
                count, channels = len(quantiles), moments.shape[0] // 2
                generator = torch.Generator().manual_seed(
                    int(sha256_bytes(clip.id.encode())[:15], 16)
                )
                shape = (count + 1, channels, *moments.shape[1:])
                noise = torch.randn(shape, generator=generator)
                batch = TrainingBatch(
                    moments=moments.expand(count, *moments.shape).to(device),
                    embeddings=torch.from_numpy(clip.embedding)
                    .float()
                    .expand(count, *clip.embedding.shape)
                    .to(device),
                    noise=noise[:count].to(device),
                    posterior_noise=noise[count:].expand(count, *shape[1:]).to(device),
                    positions=torch.tensor(list(quantiles), device=device),
                )
                rows.append(base.training_loss(transformer, batch).cpu())
    finally:
        transformer.train(was_training)
    means = torch.stack(rows).double().mean(dim=0)
    return HeldOutLoss(
        mean=float(means.mean()),
        by_quantile={f"{q:g}": float(v) for q, v in zip(quantiles, means, strict=True)},
    )
