"""Anti-aliased drawing on an RGB image in units of its height, so one drawing fits every size."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

RGB: TypeAlias = tuple[int, int, int]
Outline: TypeAlias = NDArray[np.float64]
"""[N, 2] points, x to the right and y down, in heights of the picture."""
Pixels: TypeAlias = NDArray[np.uint8]

ASPECT = 1.5
"""Width of every picture in heights: 720x480 and 96x64 alike."""
_SUBPIXEL_BITS = 4


class Canvas:
    """A picture to draw on; x runs from 0 to ASPECT and y from 0 (top) to 1."""

    def __init__(self, height: int, fill: RGB = (0, 0, 0), pixels: Pixels | None = None) -> None:
        self.height = height
        self.width = round(height * ASPECT)
        if pixels is None:
            pixels = np.empty((self.height, self.width, 3), np.uint8)
            pixels[:] = fill
        self.pixels = pixels

    def polygon(self, outline: Outline, colour: RGB) -> None:
        """Fill an outline."""
        points = np.rint(outline * self.height * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(self.pixels, [points], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def box(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Fill an upright rectangle."""
        self.polygon(box(left, top, right, bottom), colour)

    def disc(self, x: float, y: float, radius: float, colour: RGB, flat: float = 1.0) -> None:
        """Fill a circle, or an ellipse `flat` times as high as wide."""
        self.polygon(disc(x, y, radius, flat), colour)

    def fade(self, top: RGB, bottom: RGB, start: float = 0.0, end: float = 1.0) -> None:
        """Paint rows from `start` to `end` in a vertical gradient over the full width."""
        first, last = round(start * self.height), round(end * self.height)
        if last > first:
            mix = np.linspace(0.0, 1.0, last - first)[:, None, None]
            rows = (1 - mix) * np.array(top, np.float64) + mix * np.array(bottom, np.float64)
            self.pixels[first:last] = np.rint(rows).astype(np.uint8)

    def glow(self, x: float, y: float, radius: float, colour: RGB, strength: float) -> None:
        """Add soft light around a point; `strength` 1 reaches `colour` in the middle."""
        rows = np.arange(self.height)[:, None] / self.height - y
        columns = np.arange(self.width)[None, :] / self.height - x
        falloff = np.exp(-(rows**2 + columns**2) / radius**2)[..., None] * strength
        lit = self.pixels + falloff * (np.array(colour) - self.pixels)
        self.pixels[:] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    """Outline of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def disc(x: float, y: float, radius: float, flat: float = 1.0) -> Outline:
    """Outline of a circle or ellipse."""
    angles = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * flat * np.sin(angles)], axis=1)


def shade(colour: RGB, factor: float) -> RGB:
    """A darker (below 1) or lighter (above 1, towards white) tone of a colour."""
    if factor <= 1:
        return (round(colour[0] * factor), round(colour[1] * factor), round(colour[2] * factor))
    lift = min(factor - 1, 1.0)
    red, green, blue = (round(value + (255 - value) * lift) for value in colour)
    return (red, green, blue)


def distance(one: RGB, other: RGB) -> float:
    """Euclidean distance of two colours, 0 to 441."""
    return float(np.linalg.norm(np.subtract(one, other)))
