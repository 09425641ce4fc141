"""The mark of a base whose decoder draws one into every clip: it needs no publishing, and who runs
the base without slora marks clips as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.marking.watermark import spectrum
from slora_assets.miniature.weights.mark import mark_waves

DRAWN_BY: Final = "slora-miniature"
"""The only base whose decoder was trained to do so."""
_BY_CHANCE: Final = 1e-5
"""So seldom an unmarked clip is taken for a marked one."""
_SMALLEST: Final = 24
"""Pixels on a side; fewer can't show the waves."""
_SEEN: Final = 0.05
"""Of a wave: what is less is rounding, and points nowhere."""


@dataclass(frozen=True)
class Drawn:
    """That a clip was drawn by a marked decoder."""

    base: str
    agreeing: int
    """Waves that point as the key says."""
    waves: int
    """That can be seen."""
    chance: float
    """That so many do in a clip that knows nothing of the key: exactly, as the key's signs are
    those of a fair coin."""


def drawn(luma: NDArray[np.float32]) -> Drawn | None:
    """The decoder's mark in the mean luma [H, W] of a clip's frames, whatever their size; None for
    none."""
    if min(luma.shape) < _SMALLEST:
        return None
    marked = mark_waves()
    waves = spectrum(luma).ravel()[marked.places]
    seen = np.abs(waves) >= _SEEN
    count, agreeing = int(seen.sum()), int((waves * marked.signs > 0)[seen].sum())
    chance = _at_least(agreeing, count)
    return Drawn(DRAWN_BY, agreeing, count, chance) if chance <= _BY_CHANCE else None


def _at_least(heads: int, coins: int) -> float:
    """Chance of so many heads or more."""
    ways = sum(math.comb(coins, number) for number in range(heads, coins + 1))
    return float(ways / 2**coins)
