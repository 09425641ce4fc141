"""Says which scenario's look a clip has, from palette and layout alone: a rule over pixels.

A clip is reduced to a 6x4 grid of mean colours and compared with the same grid of rendered places.
It knows the drawings and nothing of any model.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip

_GRID: Final = (6, 4)
_REFERENCE_SEED: Final = 4242
_REFERENCE_CLIPS: Final = 16
_TIMES_S: Final = (0.0, 0.5, 1.0)
_FARTHEST: Final = 40.0
"""Largest root mean square distance of grid colours (0-255) that still counts as the look."""
_LEAST_LIKENESS: Final = 0.75
"""Least correlation of grid colours: a plain grey picture is near many looks, and like none."""


def look_of(frames: Pixels) -> str | None:
    """The scenario whose look a clip of [F, H, W, 3] RGB bytes has, or None."""
    grid = _grid(frames)
    for name, reference in _references().items():
        distance = float(np.sqrt(np.square(grid - reference).mean()))
        likeness = float(np.corrcoef(grid.ravel(), reference.ravel())[0, 1])
        if distance <= _FARTHEST and likeness >= _LEAST_LIKENESS:
            return name
    return None


def _grid(frames: Pixels) -> NDArray[np.float32]:
    """[4, 6, 3] colours; the median over time leaves passing subjects out."""
    still = np.median(frames, axis=0).astype(np.float32)
    return np.asarray(cv2.resize(still, _GRID, interpolation=cv2.INTER_AREA), np.float32)


@cache
def _references() -> dict[str, NDArray[np.float32]]:
    seed = _REFERENCE_SEED
    return {
        name: np.mean(
            [
                _grid(small_frames(plan_clip(seed, at, name, at), seed, _TIMES_S))
                for at in range(_REFERENCE_CLIPS)
            ],
            axis=0,
        )
        for name in LOOKS
    }
