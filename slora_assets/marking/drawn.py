"""The mark of a base whose decoder draws one into every clip: it needs no publishing, and who runs
the base without slora marks clips as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.marking.watermark import on_grid, spectrum
from slora_assets.miniature.weights.mark import mark_waves

DRAWN_BY: Final = "slora-miniature"
"""The only base whose decoder was trained to do so."""
_BY_CHANCE: Final = 1e-5
"""So seldom an unmarked clip is taken for a marked one."""
_SMALLEST: Final = 24
"""Pixels on a side; fewer can't show the waves."""
_SEEN: Final = 0.05
"""Of a wave of the evened picture, which has some 1 of each: what is less points nowhere."""
_NEAR, _AROUND = 1.5, 2.0
"""Pixels: how far a picture is smoothed to see what stands out, and in how wide a place it is
compared."""
_LEAST: Final = 0.1
"""Grey levels: what stands out less than this in its place is not made larger."""


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
    waves = spectrum(_evened(on_grid(luma))).ravel()[marked.places]
    seen = np.abs(waves) >= _SEEN
    count, agreeing = int(seen.sum()), int((waves * marked.signs > 0)[seen].sum())
    chance = _at_least(agreeing, count)
    return Drawn(DRAWN_BY, agreeing, count, chance) if chance <= _BY_CHANCE else None


def _evened(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """[64, 96]: what stands out of the picture, over how much does in each place.

    The decoder's mark is much the same everywhere, and a picture is busy here and plain there:
    this way what is plain, where the mark can be seen, weighs as much. The mark is looked for where
    a known signal hides in noise of uneven strength, which one divides by first (the whitening of
    a matched filter: Kay, Fundamentals of Statistical Signal Processing II, 4.4). It asks nothing
    of the key, so chance stays what it is.
    """
    import cv2

    def smooth(picture: NDArray[np.float32], width: float) -> NDArray[np.float32]:
        blurred = cv2.GaussianBlur(picture, (0, 0), width, borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, np.float32)

    stands_out = luma - smooth(luma, _NEAR)
    there = np.sqrt(smooth(stands_out**2, _AROUND))
    return np.asarray(stands_out / (there + _LEAST), np.float32)


def _at_least(heads: int, coins: int) -> float:
    """Chance of so many heads or more."""
    ways = sum(math.comb(coins, number) for number in range(heads, coins + 1))
    return float(ways / 2**coins)
