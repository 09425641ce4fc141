"""The repeated blocks of a transformer: what levers work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slora_assets.config.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn


def blocks_of(transformer: nn.Module) -> list[nn.Module]:
    """The repeated blocks of a diffusers transformer, in order.

    Raises TrainingError for a transformer whose class doesn't name them.
    """
    from torch import nn

    names = {
        name
        for attribute in ("_repeated_blocks", "_no_split_modules")
        for name in getattr(transformer, attribute, None) or []
    }
    blocks = [
        block
        for child in transformer.children()
        if isinstance(child, nn.ModuleList)
        for block in child
        # A sharded block's class is derived from the one that is named.
        if any(kind.__name__ in names for kind in type(block).__mro__)
    ]
    if not blocks:
        raise TrainingError(
            "this base doesn't say which of its modules are its blocks",
            key="levers",
            found=type(transformer).__name__,
            remedy="use its levers' defaults",
        )
    return blocks
