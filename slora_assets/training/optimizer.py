"""The optimizer of a run, as its settings want it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slora_assets.config.errors import MissingInputError
from slora_assets.config.training import OptimizerSettings

if TYPE_CHECKING:
    import torch


def new_optimizer(
    parameters: Iterable[torch.nn.Parameter], settings: OptimizerSettings
) -> torch.optim.Optimizer:
    """AdamW over `parameters`. Raises MissingInputError when bitsandbytes is not installed."""
    import torch

    how: dict[str, Any] = {
        "lr": settings.learning_rate,
        "betas": settings.betas,
        "eps": settings.epsilon,
        "weight_decay": settings.weight_decay,
    }
    if settings.kind == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **how)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingInputError(
            "bitsandbytes is not installed", key="optimizer.kind", found=settings.kind,
            remedy="pip install 'slora[levers]'",
        ) from error  # fmt: skip
    optimizer: torch.optim.Optimizer = AdamW8bit(parameters, **how)
    return optimizer
