"""The repeated blocks of a transformer: what levers work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slora_assets.base_models.parts import Denoiser
from slora_assets.config.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn


def blocks_of(transformer: Denoiser) -> list[nn.Module]:
    """The repeated blocks of a transformer, in order: its own list of modules, as all of diffusers'
    transformers have one.

    Raises TrainingError for a transformer without.
    """
    from torch import nn

    lists = (child for child in transformer.children() if isinstance(child, nn.ModuleList))
    blocks = [block for blocks in lists for block in blocks]
    if not blocks:
        raise TrainingError(
            "this base doesn't say which of its modules are its blocks",
            key="levers",
            found=type(transformer).__name__,
            remedy="use its levers' defaults",
        )
    return blocks
