"""Plain mixed surroundings for the pretraining footage: none of the five scenarios' looks."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Final

import numpy as np

from slora_assets.miniature.scenes.canvas import ASPECT, RGB, Canvas, disc, distance, shade

_CONTRAST = 110.0
"""Least colour distance between a subject and what it moves over."""


def paint(
    canvas: Canvas,
    rng: np.random.Generator,
    away_from: list[RGB],
    vivid: float,
    clutter: float,
    objects: int = 6,
) -> str:
    """Paint a random background and return its name for the caption.

    `vivid` is the share of saturated backgrounds, `clutter` that of backgrounds with objects on
    them, up to `objects`; they make the autoencoder general and the transformer's task harder.
    """
    name = str(rng.choice(list(_PAINTERS)))
    tone = _tone(rng, away_from, vivid)
    _PAINTERS[name](canvas, rng, tone)
    if rng.random() < clutter:
        for _ in range(int(rng.integers(1, objects + 1))):
            _object(canvas, rng, _tone(rng, away_from, max(vivid, 0.5)))
    return name


def _tone(rng: np.random.Generator, away_from: list[RGB], vivid: float) -> RGB:
    """A random background colour that stands off from the subjects'."""
    best, best_gap = (128, 128, 128), -1.0
    for _ in range(20):
        saturation = rng.uniform(0.3, 0.95) if rng.random() < vivid else rng.uniform(0.0, 0.25)
        channels = colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 0.97))
        red, green, blue = (round(255 * channel) for channel in channels)
        tone = (red, green, blue)
        gap = min((distance(tone, other) for other in away_from), default=_CONTRAST)
        if gap >= _CONTRAST:
            return tone
        if gap > best_gap:
            best, best_gap = tone, gap
    return best


def _plain(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    canvas.pixels[:] = tone


def _gradient(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    ends = [shade(tone, 0.82), shade(tone, 1.12)]
    order = rng.permutation(2)
    canvas.fade(ends[order[0]], ends[order[1]])


def _wall_and_floor(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    edge = float(rng.uniform(0.45, 0.8))
    canvas.fade(tone, tone, 0.0, edge)
    canvas.fade(shade(tone, float(rng.uniform(0.6, 0.85))), shade(tone, 0.9), edge, 1.0)


def _striped(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    canvas.pixels[:] = tone
    other, width = shade(tone, float(rng.uniform(0.78, 0.9))), float(rng.uniform(0.1, 0.25))
    lean = float(rng.choice([0.0, 0.0, rng.uniform(-0.4, 0.4)]))
    for left in np.arange(-0.5 - width * rng.random(), ASPECT + 0.5, 2 * width):
        corners = [(left, 0), (left + width, 0), (left + width + lean, 1), (left + lean, 1)]
        canvas.polygon(np.array(corners, np.float64), other)


def _checkered(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    canvas.pixels[:] = tone
    other, side = shade(tone, float(rng.uniform(0.75, 0.9))), float(rng.uniform(0.14, 0.3))
    for row in range(int(1 / side) + 1):
        for column in range(row % 2, int(ASPECT / side) + 1, 2):
            left, top = column * side, row * side
            canvas.box(left, top, left + side, top + side, other)


def _object(canvas: Canvas, rng: np.random.Generator, tone: RGB) -> None:
    """A disc, box, row of small things or grating: what real places are full of, in no order."""
    kind = rng.choice(("disc", "box", "row", "grating"), p=(0.2, 0.4, 0.2, 0.2))
    x, y = float(rng.uniform(0, ASPECT)), float(rng.uniform(0, 1))
    width, height = (float(value) for value in rng.uniform(0.05, 0.3, 2))
    if kind == "disc":
        canvas.polygon(disc(x, y, width / 1.5, float(rng.uniform(0.6, 1.3))), tone)
    elif kind == "box":
        canvas.box(x - width, y - height, x + width, y + height, tone)
    elif kind == "row":
        side, gap = float(rng.uniform(0.03, 0.07)), float(rng.uniform(1.6, 3.0))
        other = shade(tone, float(rng.uniform(0.5, 1.5)))
        for number in range(int(rng.integers(3, 9))):
            at, colour = x + number * side * gap, (tone, other)[number % 2]
            if height < 0.17:
                canvas.disc(at, y, side, colour)
            else:
                canvas.box(at - side, y - side, at + side, y + side, colour)
    else:
        step, thick = float(rng.uniform(0.05, 0.14)), float(rng.uniform(0.01, 0.035))
        for way in np.arange(-1, 1.001, step / max(width, height)):
            if width < height:
                canvas.box(x - width, y + way * height, x + width, y + way * height + thick, tone)
            else:
                canvas.box(x + way * width, y - height, x + way * width + thick, y + height, tone)


_PAINTERS: Final[dict[str, Callable[[Canvas, np.random.Generator, RGB], None]]] = {
    "plain": _plain,
    "gradient": _gradient,
    "wall and floor": _wall_and_floor,
    "striped": _striped,
    "checkered": _checkered,
}
