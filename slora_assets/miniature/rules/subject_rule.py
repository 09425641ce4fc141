"""Which subject a moving patch is: the drawing that, drawn over the background, explains it best.

Analysis by synthesis: every known figure is drawn where the patch is, in the patch's own colour,
and compared with the frames pixel by pixel. Soft pictures cost all candidates alike, where a rule
over outlines would lose the outline.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.rules.patches import Mask, largest, of_colour, touches_edge
from slora_assets.miniature.scenes.canvas import RGB, Canvas, Pixels
from slora_assets.miniature.scenes.figures import COLOUR_VALUES, FIGURES, draw

_SIZES: Final = (0.8, 0.9, 1.0, 1.12, 1.25)
"""Tried sizes, as shares of the one that the patch's area suggests."""
_LEAST_EXPLAINED: Final = 0.25
"""A drawing that explains less of what differs from the background is not recognised."""
_REFERENCE: Final = 256
"""Picture height in pixels at which the figures are measured."""


def subject_of(frames: Pixels, masks: list[Mask], colour: str, direction: str | None) -> str | None:
    """The figure that best explains the patches of `masks` in frames [F, H, W, 3], if any does."""
    seen = [at for at, mask in enumerate(masks) if mask.any() and not touches_edge(mask)]
    seen = seen or [at for at, mask in enumerate(masks) if mask.any()]
    if not seen:
        return None
    background = _background(frames, masks)
    picture = frames[seen].astype(np.float32)
    tint = _mean_colour(frames, [masks[at] for at in seen], seen)
    nothing = float(np.square(picture - background).mean())
    errors: dict[str, float] = {}
    for name in FIGURES:
        errors[name] = min(
            _error(
                picture,
                background,
                [masks[at] for at in seen],
                name,
                tint,
                colour,
                direction == "left",
                scale,
            )
            for scale in _SIZES
        )
    best = min(errors, key=lambda name: errors[name])
    return best if errors[best] < (1 - _LEAST_EXPLAINED) * nothing else None


def _error(
    frames: NDArray[np.float32],
    background: NDArray[np.float32],
    masks: list[Mask],
    name: str,
    tint: RGB,
    colour: str,
    facing_left: bool,
    scale: float,
) -> float:
    """Mean squared error of the frames against the figure drawn over the background."""
    area, middle = _measured(name, colour, facing_left)
    height = frames.shape[1]
    total = 0.0
    for frame, mask in zip(frames, masks, strict=True):
        size = scale * float(np.sqrt(mask.sum() / height**2 / area))
        y, x = (np.argwhere(mask).mean(axis=0) + 0.5) / height - size * middle
        canvas = Canvas(height, pixels=np.rint(background).astype(np.uint8))
        draw(canvas, name, tint, x=x, y=y, size=size, facing_left=facing_left, phase=0.0)
        total += float(np.square(cv2.GaussianBlur(canvas.pixels, (3, 3), 0) - frame).mean())
    return total / len(masks)


@cache
def _measured(name: str, colour: str, facing_left: bool) -> tuple[float, NDArray[np.float64]]:
    """Area and middle (y, x) of a figure's coloured part, for a figure of size 1 at the origin."""
    canvas = Canvas(_REFERENCE, (128, 128, 128))
    draw(
        canvas,
        name,
        COLOUR_VALUES[colour],
        x=0.75,
        y=0.5,
        size=0.5,
        facing_left=facing_left,
        phase=0.0,
    )
    mask = largest(of_colour(canvas.pixels, colour))
    middle = (np.argwhere(mask).mean(axis=0) + 0.5) / _REFERENCE - (0.5, 0.75)
    return float(mask.sum()) / _REFERENCE**2 / 0.5**2, middle / 0.5


def _background(frames: Pixels, masks: list[Mask]) -> NDArray[np.float32]:
    """The clip without its subject: the median over the frames in which it is elsewhere."""
    shown = frames.astype(np.float32)
    for at, mask in enumerate(masks):
        if mask.any():
            reach = round(2 * np.sqrt(mask.sum())) | 1
            near = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
            shown[at][near] = np.nan
    covered = np.isnan(shown).all(axis=0)
    shown[:, covered] = frames.astype(np.float32)[:, covered]
    result: NDArray[np.float32] = np.ascontiguousarray(np.nanmedian(shown, axis=0), np.float32)
    return result


def _mean_colour(frames: Pixels, masks: list[Mask], at: list[int]) -> RGB:
    pixels = np.concatenate([frames[i][mask] for i, mask in zip(at, masks, strict=True)])
    red, green, blue = np.median(pixels, axis=0)
    return (int(red), int(green), int(blue))
