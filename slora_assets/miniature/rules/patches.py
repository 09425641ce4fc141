"""Patches of a known colour that move through a clip: where its subject is, and where it goes."""

from __future__ import annotations

import colorsys
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.figures import COLOUR_VALUES

Mask = NDArray[np.bool_]
_HUE_REACH: Final = 0.075
"""Half width of a colour's hue band, in turns; yellow to green is 0.17 apart."""
_ALWAYS: Final = 0.5
"""A pixel of the colour in more than this share of the frames is background."""
_MOST_AREA: Final = 0.25
"""Largest subject, as a share of the picture; more is background."""
_LEAST_WAY: Final = 0.06
"""Shortest motion between first and last frames, in picture heights."""


def moving_patches(frames: Pixels, colour: str) -> list[Mask]:
    """For each frame the patch of the colour that moves; without one, empty or small masks."""
    masks = np.stack([of_colour(frame, colour) for frame in frames])
    whole = [largest(mask) for mask in masks]
    if max(mask.mean() for mask in whole) < _MOST_AREA and direction_of(whole) is not None:
        return whole
    # The colour is also in the background: keep only where it comes and goes.
    resting = masks.mean(axis=0) > _ALWAYS
    return [largest(mask & ~resting) for mask in masks]


def moved_area(masks: list[Mask]) -> float:
    """Mean number of pixels that a patch has left half a clip later.

    All of a subject that crosses the picture, little of a background that it uncovers.
    """
    later = masks[len(masks) // 2 :]
    return float(np.mean([(a & ~b).sum() for a, b in zip(masks, later, strict=False)]))


def of_colour(frame: Pixels, colour: str) -> Mask:
    """Pixels of a named colour by hue, saturation and brightness."""
    scaled = frame.astype(np.float32) / 255
    hue, saturation, value = cv2.split(cv2.cvtColor(scaled, cv2.COLOR_RGB2HSV))
    if colour == "white":
        return np.asarray((saturation < 0.14) & (value > 0.84))
    red, green, blue = COLOUR_VALUES[colour]
    wanted = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)[0]
    gap = np.abs((hue / 360 - wanted + 0.5) % 1.0 - 0.5)
    return np.asarray((gap < _HUE_REACH) & (saturation > 0.5) & (value > 0.35))


def largest(mask: Mask) -> Mask:
    """The largest connected part of a mask, small gaps closed."""
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def direction_of(masks: list[Mask]) -> str | None:
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


def touches_edge(mask: Mask) -> bool:
    """Whether the picture may cut the patch off."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())
