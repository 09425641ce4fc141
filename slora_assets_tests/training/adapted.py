"""A base with a small adapter in it, and one pass through both at a fixed input."""

from __future__ import annotations

from typing import Any

import torch

from slora_assets.base_models.seam import LoraShape, TrainingBatch, VideoBase

SHAPE = LoraShape(4, 4.0, ("to_q", "to_k", "to_v", "to_out.0"))


def with_adapter(base: VideoBase) -> Any:
    """The denoiser in training mode, its adapter fresh."""
    transformer = base.load_transformer("cpu", "float32")
    base.add_adapter(transformer, SHAPE, seed=0)
    return transformer.train()


def loss_and_gradients(base: VideoBase, transformer: Any) -> tuple[float, torch.Tensor]:
    """The loss, and the adapter's gradients in one row."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 16, 3, 8, 12)
    clean, noise, posterior = (torch.randn(shape, generator=generator) for _ in range(3))
    batch = TrainingBatch(
        moments=torch.cat([clean, torch.zeros(shape)], dim=1),
        embeddings=torch.randn((2, 32, 192), generator=generator),
        noise=noise,
        posterior_noise=posterior,
        positions=torch.tensor([0.2, 0.7]),
    )
    loss = base.training_loss(transformer, batch).mean()
    loss.backward()
    gradients = [p.grad.flatten() for p in transformer.parameters() if p.requires_grad]
    return loss.item(), torch.cat(gradients)
