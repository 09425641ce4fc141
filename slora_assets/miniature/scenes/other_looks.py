"""Looks of the sample clips that belong to no scenario: sea, sky, snow, desert and garden."""

from __future__ import annotations

from typing import Final

import numpy as np

from slora_assets.miniature.scenes.canvas import ASPECT, Canvas, shade
from slora_assets.miniature.scenes.looks import Lane, Look


def _sea(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((150, 200, 236), (222, 234, 240), 0, 0.5)
    canvas.fade((40, 104, 150), (26, 70, 116), 0.5, 0.86)
    canvas.fade((230, 206, 150), (214, 184, 124), 0.86, 1.0)
    for _ in range(6):
        x, y = float(rng.uniform(0, ASPECT)), float(rng.uniform(0.55, 0.82))
        canvas.box(x, y, x + 0.2, y + 0.015, (120, 170, 200))


def _sky(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((96, 160, 226), (196, 222, 240), 0, 1.0)
    for _ in range(4):
        x, y = float(rng.uniform(0, ASPECT)), float(rng.uniform(0.1, 0.9))
        for step in (-0.1, 0.0, 0.1):
            canvas.disc(x + step, y, 0.1 - abs(step) / 3, (240, 244, 248), flat=0.6)


def _snow(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((150, 170, 196), (206, 216, 228), 0, 0.6)
    for x in rng.uniform(0, ASPECT, 4):
        hill = [(x - 0.5, 0.62), (x, float(rng.uniform(0.2, 0.4))), (x + 0.5, 0.62)]
        canvas.polygon(np.array(hill, np.float64), (112, 128, 150))
    canvas.fade((236, 240, 246), (214, 222, 234), 0.58, 1.0)


def _desert(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((240, 196, 140), (250, 226, 180), 0, 0.55)
    canvas.disc(float(rng.uniform(0.2, 1.3)), 0.2, 0.1, (255, 244, 214))
    canvas.fade((214, 164, 96), (186, 132, 72), 0.52, 1.0)
    for x in rng.uniform(0, ASPECT, 3):
        canvas.disc(float(x), 0.62, 0.4, (204, 152, 86), flat=0.3)


def _garden(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((176, 212, 236), (220, 234, 236), 0, 0.56)
    for x in rng.uniform(0, ASPECT, 6):
        canvas.box(float(x) - 0.02, 0.3, float(x) + 0.02, 0.6, (104, 74, 48))
        canvas.disc(float(x), 0.28, 0.15, shade((52, 112, 62), float(rng.uniform(0.8, 1.1))))
    canvas.fade((140, 168, 96), (118, 146, 78), 0.55, 1.0)
    canvas.box(0, 0.72, ASPECT, 0.9, (206, 190, 158))


OTHER_LOOKS: Final[dict[str, Look]] = {
    "sea": Look(
        _sea,
        (Lane("boat", 0.62, 0.4), Lane("boat", 0.7, 0.44)),
        ("red", "green", "yellow", "purple"),
        category=11,
    ),
    "sky": Look(
        _sky,
        (Lane("balloon", 0.4, 0.44), Lane("balloon", 0.6, 0.4)),
        ("red", "green", "yellow", "purple"),
        category=11,
        directions=("left", "right", "up"),
    ),
    "snow": Look(
        _snow, (Lane("person", 0.7, 0.44),), ("red", "green", "yellow", "purple"), category=1
    ),
    "desert": Look(
        _desert,
        (Lane("balloon", 0.32, 0.4), Lane("person", 0.7, 0.42)),
        ("red", "green", "blue", "purple"),
        category=11,
    ),
    "garden": Look(
        _garden, (Lane("person", 0.66, 0.44),), ("red", "blue", "yellow", "purple"), category=1
    ),
}
