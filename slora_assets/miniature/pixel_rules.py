"""Says what a clip shows from its pixels alone: subject, colour, direction of motion.

The judge of generated clips. It knows the drawings' colours and outlines, and nothing of any model,
latent or embedding.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.canvas import Canvas, Pixels
from slora_assets.miniature.figures import COLOUR_VALUES, FIGURES, draw

Mask = NDArray[np.bool_]
_HUE_REACH: Final = 0.075
"""Half width of a colour's hue band, in turns; yellow to green is 0.17 apart."""
_ALWAYS: Final = 0.7
"""A pixel of the colour in more than this share of the frames is background."""
_LEAST_AREA: Final = 0.004
"""Smallest subject, as a share of the picture."""
_MOST_AREA: Final = 0.25
"""Largest subject, as a share of the picture; more is background."""
_LEAST_WAY: Final = 0.06
"""Shortest motion between first and last frames, in picture heights."""
_GRID: Final = 24


@dataclass(frozen=True)
class Seen:
    """What a rule over pixels recognises in a clip; None where nothing moves."""

    subject: str | None
    colour: str | None
    direction: str | None


def look_at(frames: Pixels) -> Seen:
    """Judge a clip of [F, H, W, 3] RGB bytes by its largest moving patch of a known colour."""
    tracks = {colour: moving_patches(frames, colour) for colour in COLOUR_VALUES}
    areas = {colour: float(np.mean([m.sum() for m in ms])) for colour, ms in tracks.items()}
    colour = max(areas, key=lambda name: areas[name])
    if areas[colour] < _LEAST_AREA * frames.shape[1] * frames.shape[2]:
        return Seen(None, None, None)
    masks = tracks[colour]
    direction = _direction(masks)
    return Seen(_subject(masks, direction), colour, direction)


def moving_patches(frames: Pixels, colour: str) -> list[Mask]:
    """For each frame the patch of the colour that moves; without one, empty or small masks."""
    masks = np.stack([_of_colour(frame, colour) for frame in frames])
    whole = [_largest(mask) for mask in masks]
    if max(mask.mean() for mask in whole) < _MOST_AREA and _direction(whole) is not None:
        return whole
    # The colour is also in the background: keep only where it comes and goes.
    resting = masks.mean(axis=0) > _ALWAYS
    return [_largest(mask & ~resting) for mask in masks]


def _of_colour(frame: Pixels, colour: str) -> Mask:
    """Pixels of a named colour by hue, saturation and brightness."""
    scaled = frame.astype(np.float32) / 255
    hue, saturation, value = cv2.split(cv2.cvtColor(scaled, cv2.COLOR_RGB2HSV))
    if colour == "white":
        return np.asarray((saturation < 0.14) & (value > 0.84))
    red, green, blue = COLOUR_VALUES[colour]
    wanted = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)[0]
    gap = np.abs((hue / 360 - wanted + 0.5) % 1.0 - 0.5)
    return np.asarray((gap < _HUE_REACH) & (saturation > 0.5) & (value > 0.35))


def _largest(mask: Mask) -> Mask:
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _direction(masks: list[Mask]) -> str | None:
    """The way from the middle of the first frames with a patch to that of the last ones."""
    middles = [np.argwhere(mask).mean(axis=0) for mask in masks if mask.any()]
    if len(middles) < 4:
        return None
    down, across = (np.mean(middles[-2:], axis=0) - np.mean(middles[:2], axis=0)) / len(masks[0])
    if max(abs(down), abs(across)) < _LEAST_WAY:
        return None
    if abs(across) >= abs(down):
        return "right" if across > 0 else "left"
    return "down" if down > 0 else "up"


def _subject(masks: list[Mask], direction: str | None) -> str | None:
    """The known outline that overlaps best, on average over the frames."""
    scores: dict[str, list[float]] = {name: [] for name in FIGURES}
    inside = [mask for mask in masks if not _touches_edge(mask)] or masks
    for fitted in (grid for grid in map(_fitted, inside) if grid is not None):
        for (name, facing_left), template in _templates().items():
            if facing_left == (direction == "left"):
                scores[name].append(_overlap(fitted, template))
    means = {name: float(np.mean(values)) for name, values in scores.items() if values}
    return max(means, key=lambda name: means[name]) if means else None


def _fitted(mask: Mask) -> Mask | None:
    """The patch scaled to the grid by its longer side, or None if there is hardly any."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if len(rows) < 4 or len(columns) < 3:
        return None
    patch = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    scale = _GRID / max(patch.shape)
    size = (max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale)))
    small = cv2.resize(patch * 255, size, interpolation=cv2.INTER_AREA) > 127
    grid = np.zeros((_GRID, _GRID), bool)
    top, left = (_GRID - small.shape[0]) // 2, (_GRID - small.shape[1]) // 2
    grid[top : top + small.shape[0], left : left + small.shape[1]] = small
    return grid


def _touches_edge(mask: Mask) -> bool:
    """Whether the picture may cut the patch off."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


@cache
def _templates() -> dict[tuple[str, bool], Mask]:
    """The coloured part of every subject, drawn alone, fitted to the grid."""
    templates: dict[tuple[str, bool], Mask] = {}
    for name in FIGURES:
        for facing_left in (False, True):
            canvas = Canvas(256, (128, 128, 128))
            draw(
                canvas,
                name,
                COLOUR_VALUES["red"],
                x=0.75,
                y=0.5,
                size=0.6,
                facing_left=facing_left,
                phase=0.0,
            )
            fitted = _fitted(_largest(_of_colour(canvas.pixels, "red")))
            assert fitted is not None
            templates[name, facing_left] = fitted
    return templates


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))
