"""The optimizer of a run and its learning rate, as the settings want them."""

from __future__ import annotations

import math
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
            "bitsandbytes is not installed",
            key="optimizer.kind",
            found=settings.kind,
            remedy="pip install 'slora[levers]'",
        ) from error
    optimizer: torch.optim.Optimizer = AdamW8bit(parameters, **how)
    return optimizer


def learning_rate(settings: OptimizerSettings, step: int, total: int) -> float:
    """The rate of the step numbered `step` from 0 on, of `total` steps."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if settings.lr_scheduler == "constant":
        return settings.learning_rate
    passed = (step - settings.warmup_steps) / max(1, total - settings.warmup_steps)
    return settings.learning_rate * (1 + math.cos(math.pi * min(1.0, passed))) / 2
