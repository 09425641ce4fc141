"""The five scenarios' looks: layout, palette, light and lanes, recognisable at 96x64 pixels.

The pretraining footage never shows these; they are what a scenario adapter has to learn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from slora_assets.miniature.scenes.canvas import ASPECT, RGB, Canvas, shade


@dataclass(frozen=True)
class Lane:
    """Where subjects of one kind move; lengths in picture heights."""

    subject: str
    y: float
    size: float


@dataclass(frozen=True)
class Look:
    """How a kind of place is painted, lit and filmed, and who moves through it."""

    paint: Callable[[Canvas, np.random.Generator], None]
    lanes: tuple[Lane, ...]
    colours: tuple[str, ...]
    category: int
    """MSR-VTT's category number."""
    sway: float = 0.0
    """Amplitude of the hand-held camera's sway in picture heights."""
    animate: Callable[[Canvas, float], None] | None = None
    """Moves what moves besides the subjects (beams, flames), given seconds."""
    directions: tuple[str, ...] = ("left", "right")


def _varied(rng: np.random.Generator, colour: RGB, spread: float = 6.0) -> RGB:
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255)
    return (int(red), int(green), int(blue))


def _market(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade(_varied(rng, (250, 214, 150)), (246, 222, 176), 0, 0.12)
    canvas.box(0, 0.12, ASPECT, 0.52, _varied(rng, (112, 74, 48)))
    canvas.fade(_varied(rng, (226, 190, 132)), (204, 160, 104), 0.52, 1.0)
    shift = float(rng.uniform(-0.12, 0.12))
    cloths: list[RGB] = [(216, 52, 40), (238, 130, 30), (26, 140, 122)]
    for stall in range(-1, 3):
        left = 0.02 + stall * 0.52 + shift
        _stall(canvas, rng, left, left + 0.47, cloths[(stall + int(rng.integers(3))) % 3])


def _stall(canvas: Canvas, rng: np.random.Generator, left: float, right: float, cloth: RGB) -> None:
    stripes = 6
    width = (right - left) / stripes
    for stripe in range(stripes):
        start, lean = left + stripe * width, 0.06 * (stripe - stripes / 2) / stripes
        corners = [
            (start - lean, 0.1),
            (start + width - lean, 0.1),
            (start + width + lean, 0.29),
            (start + lean, 0.29),
        ]
        colour = cloth if stripe % 2 == 0 else (250, 244, 228)
        canvas.polygon(np.array(corners), colour)
        canvas.disc(start + width / 2 + lean, 0.29, width / 2, colour, flat=0.7)
    canvas.box(left + 0.02, 0.42, right - 0.02, 0.55, (150, 96, 52))
    fruits: list[RGB] = [(240, 140, 20), (210, 40, 40), (120, 180, 40), (250, 214, 60)]
    for number, x in enumerate(np.arange(left + 0.07, right - 0.04, 0.095)):
        canvas.disc(float(x), 0.41, 0.05, fruits[number // 2 % 4])


def _kitchen(canvas: Canvas, rng: np.random.Generator) -> None:
    tile = _varied(rng, (196, 228, 226), 4)
    canvas.fade(tile, tile, 0, 0.58)
    side, joint = 0.19, shade(tile, 0.86)
    for row in range(4):
        canvas.box(0, row * side - 0.009, ASPECT, row * side + 0.009, joint)
    for column in range(9):
        canvas.box(column * side - 0.009, 0, column * side + 0.009, 0.58, joint)
    middle = ASPECT / 2 + float(rng.uniform(-0.15, 0.15))
    hood = [(middle - 0.12, 0), (middle + 0.12, 0), (middle + 0.34, 0.2), (middle - 0.34, 0.2)]
    canvas.polygon(np.array(hood, np.float64), (150, 156, 164))
    for side_x in (middle - 0.62, middle + 0.4):
        canvas.box(side_x, 0.02, side_x + 0.24, 0.24, _varied(rng, (186, 124, 66)))
        canvas.box(side_x + 0.11, 0.02, side_x + 0.13, 0.24, (120, 78, 40))
    canvas.fade((206, 212, 218), (158, 166, 174), 0.56, 0.84)
    canvas.box(0, 0.84, ASPECT, 1.0, _varied(rng, (92, 98, 108)))
    canvas.box(0, 0.83, ASPECT, 0.855, (58, 62, 70))
    for number in range(4):
        canvas.disc(middle - 0.54 + 0.36 * number, 0.925, 0.04, (30, 30, 34))
        canvas.disc(middle - 0.54 + 0.36 * number, 0.72, 0.14, (64, 66, 74), flat=0.3)
        canvas.disc(middle - 0.54 + 0.36 * number, 0.72, 0.09, (236, 110, 40), flat=0.3)


def _street(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade(_varied(rng, (120, 176, 226)), (190, 214, 232), 0, 0.47)
    houses: list[RGB] = [(172, 106, 82), (150, 96, 84), (186, 126, 96), (138, 88, 80)]
    left, number = -0.1 * float(rng.random()), int(rng.integers(4))
    while left < ASPECT:
        width, top = float(rng.uniform(0.24, 0.34)), float(rng.uniform(0.04, 0.14))
        _house(canvas, left, top, left + width, _varied(rng, houses[number % 4]))
        left, number = left + width + 0.015, number + 1
    canvas.box(0, 0.46, ASPECT, 0.56, (186, 184, 180))
    canvas.box(0, 0.55, ASPECT, 0.57, (120, 120, 122))
    canvas.fade(_varied(rng, (70, 72, 78)), (54, 56, 62), 0.57, 1.0)
    for start in np.arange(-0.1 + 0.1 * rng.random(), ASPECT, 0.3):
        canvas.box(start, 0.765, start + 0.17, 0.79, (240, 240, 232))
    middle = float(rng.uniform(0.6, 0.8))
    for bar in range(4):
        top = 0.59 + bar * 0.105
        lean = 0.04 * bar
        corners = [(middle - lean, top), (middle + 0.24 - lean, top)]
        corners += [(middle + 0.22 - lean, top + 0.055), (middle - 0.02 - lean, top + 0.055)]
        canvas.polygon(np.array(corners, np.float64), (232, 232, 226))


def _house(canvas: Canvas, left: float, top: float, right: float, wall: RGB) -> None:
    canvas.box(left, top, right, 0.47, wall)
    for x in np.arange(left + 0.04, right - 0.08, 0.13):
        for y in np.arange(top + 0.05, 0.36, 0.16):
            canvas.box(x, y, x + 0.07, y + 0.095, shade(wall, 1.4))


def _sports_field(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.box(0, 0, ASPECT, 0.22, (58, 62, 84))
    shirts: list[RGB] = [(214, 60, 60), (240, 240, 240), (60, 110, 220), (244, 206, 60)]
    for row in range(2):
        for seat in np.arange(0.055 * (row % 2), ASPECT + 0.05, 0.11):
            canvas.disc(float(seat), 0.06 + row * 0.085, 0.042, shirts[int(rng.integers(4))])
    canvas.box(0, 0.2, ASPECT, 0.27, _varied(rng, (232, 232, 236)))
    grass = _varied(rng, (60, 158, 62), 4)
    shift, width = float(rng.uniform(-0.2, 0.0)), 0.22
    canvas.box(0, 0.27, ASPECT, 1.0, grass)
    for left in np.arange(shift, ASPECT, 2 * width):
        canvas.box(left, 0.27, left + width, 1.0, shade(grass, 0.86))
    line: RGB = (238, 246, 236)
    canvas.box(0, 0.31, ASPECT, 0.33, line)
    middle = ASPECT / 2 + float(rng.uniform(-0.25, 0.25))
    canvas.box(middle - 0.01, 0.31, middle + 0.01, 1.0, line)
    stripe = shade(grass, 0.93)
    canvas.disc(middle, 0.68, 0.27, line, flat=0.6)
    canvas.disc(middle, 0.68, 0.247, stripe, flat=0.57)
    canvas.box(middle - 0.01, 0.52, middle + 0.01, 0.84, line)


def _stage(canvas: Canvas, rng: np.random.Generator) -> None:
    canvas.fade((26, 12, 52), _varied(rng, (56, 24, 92), 4), 0, 0.66)
    _beams(canvas, float(rng.uniform(-0.1, 0.1)))
    canvas.fade(_varied(rng, (152, 92, 50), 5), (104, 60, 34), 0.66, 0.88)
    canvas.box(0, 0.65, ASPECT, 0.675, (206, 140, 82))
    curtain = _varied(rng, (168, 20, 40), 5)
    for fold in range(3):
        tone = shade(curtain, (1.0, 0.72, 0.88)[fold])
        canvas.box(fold * 0.075, 0, fold * 0.075 + 0.075, 0.7, tone)
        canvas.box(ASPECT - fold * 0.075 - 0.075, 0, ASPECT - fold * 0.075, 0.7, tone)
    for swag in range(5):
        canvas.disc(0.15 + swag * 0.3, 0.0, 0.17, shade(curtain, 0.85), flat=0.6)
    canvas.box(0, 0.88, ASPECT, 1.0, (14, 8, 24))
    for head in np.arange(0.06 * float(rng.random()), ASPECT + 0.1, 0.14):
        canvas.disc(float(head), 0.9, 0.055, (14, 8, 24))


def _beams(canvas: Canvas, lean: float) -> None:
    lights: list[RGB] = [(92, 60, 150), (120, 84, 120), (70, 72, 160)]
    for number, colour in enumerate(lights):
        top, foot = 0.4 + 0.35 * number, 0.45 + 0.3 * number + lean
        corners = [(top - 0.02, 0), (top + 0.02, 0), (foot + 0.17, 0.66), (foot - 0.17, 0.66)]
        canvas.polygon(np.array(corners, np.float64), colour)


def _lamps(canvas: Canvas, time_s: float) -> None:
    """Footlights that pulse; the beams themselves stay, so that motion means the subjects'."""
    for number in range(7):
        bright = 0.75 + 0.25 * float(np.sin(5 * time_s + number))
        canvas.disc(0.12 + 0.21 * number, 0.87, 0.022, shade((255, 232, 150), bright))


LOOKS: Final[dict[str, Look]] = {
    "market_floor": Look(
        _market,
        (Lane("cart", 0.74, 0.4), Lane("person", 0.74, 0.46), Lane("cart", 0.77, 0.36)),
        ("red", "green", "blue", "purple"),
        category=11,
        sway=0.012,
    ),
    "kitchen": Look(
        _kitchen,
        (Lane("pan", 0.68, 0.36), Lane("pan", 0.7, 0.32), Lane("person", 0.38, 0.46)),
        ("red", "blue", "yellow", "green", "purple"),
        category=17,
    ),
    "street": Look(
        _street,
        (Lane("car", 0.68, 0.34), Lane("car", 0.78, 0.38), Lane("person", 0.5, 0.4)),
        ("red", "blue", "yellow", "green", "white"),
        category=9,
        sway=0.006,
    ),
    "sports_field": Look(
        _sports_field,
        (Lane("player", 0.62, 0.42), Lane("player", 0.7, 0.46), Lane("player", 0.55, 0.38)),
        ("red", "blue", "yellow", "purple", "white"),
        category=3,
        sway=0.02,
    ),
    "stage": Look(
        _stage,
        (Lane("dancer", 0.56, 0.46), Lane("dancer", 0.6, 0.5), Lane("dancer", 0.55, 0.42)),
        ("red", "blue", "yellow", "green", "white"),
        category=0,
        animate=_lamps,
    ),
}
