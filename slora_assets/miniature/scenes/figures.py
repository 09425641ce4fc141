"""The subjects: each a few flat outlines one unit high around its middle, facing right.

Silhouettes differ strongly on purpose, because a generated subject is 20 to 30 pixels high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from slora_assets.miniature.scenes.canvas import RGB, Canvas, Outline, box, disc, shade

COLOUR_VALUES: Final[dict[str, RGB]] = {
    "red": (222, 34, 34),
    "green": (30, 165, 55),
    "blue": (35, 75, 225),
    "yellow": (248, 212, 30),
    "purple": (150, 45, 190),
    "white": (244, 244, 244),
}
_SKIN: Final[RGB] = (226, 178, 140)
_DARK: Final[RGB] = (38, 38, 44)
_GLASS: Final[RGB] = (168, 206, 226)


@dataclass(frozen=True)
class Part:
    """One filled outline of a figure, in figure units."""

    outline: Outline
    colour: RGB


def draw(
    canvas: Canvas,
    subject: str,
    colour: RGB,
    *,
    x: float,
    y: float,
    size: float,
    facing_left: bool,
    phase: float,
) -> None:
    """Draw a subject `size` heights high with its middle at (x, y); `phase` (turns) animates."""
    parts = FIGURES[subject](colour, phase)
    draw_figure(canvas, parts, x=x, y=y, size=size, facing_left=facing_left)


def draw_figure(
    canvas: Canvas, parts: list[Part], *, x: float, y: float, size: float, facing_left: bool
) -> None:
    """Draw outlines in figure units `size` heights high, with their origin at (x, y)."""
    mirror = np.array([-1.0 if facing_left else 1.0, 1.0]) * size
    for part in parts:
        canvas.polygon(part.outline * mirror + (x, y), part.colour)


def _limb(x0: float, y0: float, x1: float, y1: float, width: float) -> Outline:
    """A straight limb of even width."""
    along = np.array([x1 - x0, y1 - y0])
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) * width / 2
    start, end = np.array([x0, y0]), np.array([x1, y1])
    return np.stack([start + across, end + across, end - across, start - across])


def _person(colour: RGB, phase: float) -> list[Part]:
    step = 0.07 * float(np.sin(2 * np.pi * phase))
    coat = np.array([(-0.12, -0.24), (0.12, -0.24), (0.2, 0.3), (-0.2, 0.3)])
    return [
        Part(_limb(-0.08, 0.25, -0.08 - step, 0.5, 0.12), _DARK),
        Part(_limb(0.08, 0.25, 0.08 + step, 0.5, 0.12), _DARK),
        Part(coat, colour),
        Part(disc(0.0, -0.36, 0.14), _SKIN),
    ]


def _player(colour: RGB, phase: float) -> list[Part]:
    swing = 0.05 * float(np.sin(2 * np.pi * phase))
    shirt = np.array([(-0.1, -0.27), (0.16, -0.27), (0.1, 0.12), (-0.14, 0.12)])
    return [
        Part(_limb(-0.04, 0.08, -0.34 + swing, 0.46, 0.13), colour),
        Part(_limb(0.02, 0.08, 0.3 - swing, 0.46, 0.13), colour),
        Part(_limb(0.1, -0.2, 0.36, -0.06 + swing, 0.1), _SKIN),
        Part(_limb(-0.06, -0.2, -0.32, -0.02 - swing, 0.1), _SKIN),
        Part(shirt, colour),
        Part(disc(0.07, -0.38, 0.12), _SKIN),
        Part(disc(0.52, 0.4, 0.1), (250, 250, 250)),
    ]


def _dancer(colour: RGB, phase: float) -> list[Part]:
    sway = 0.08 * float(np.sin(2 * np.pi * phase))
    skirt = np.array([(-0.06, -0.1), (0.06, -0.1), (0.36 + sway, 0.28), (-0.36 + sway, 0.28)])
    bodice = np.array([(-0.1, -0.24), (0.1, -0.24), (0.06, -0.08), (-0.06, -0.08)])
    return [
        Part(_limb(0.0, 0.25, 0.06, 0.5, 0.09), _SKIN),
        Part(_limb(-0.06, -0.2, -0.32, -0.48 + sway, 0.09), _SKIN),
        Part(_limb(0.06, -0.2, 0.32, -0.48 - sway, 0.09), _SKIN),
        Part(skirt, colour),
        Part(bodice, colour),
        Part(disc(0.0, -0.34, 0.1), _SKIN),
    ]


def _cart(colour: RGB, phase: float) -> list[Part]:
    canopy = np.array([(-0.46, -0.34), (0.46, -0.34), (0.36, -0.5), (-0.36, -0.5)])
    return [
        Part(canopy, shade(colour, 0.8)),
        Part(box(-0.4, -0.36, -0.34, 0.0), _DARK),
        Part(box(0.34, -0.36, 0.4, 0.0), _DARK),
        Part(box(-0.5, -0.06, 0.5, 0.26), colour),
        Part(_limb(-0.46, 0.0, -0.72, -0.12, 0.07), _DARK),
        Part(disc(-0.26, 0.34, 0.16), _DARK),
        Part(disc(0.26, 0.34, 0.16), _DARK),
    ]


def _car(colour: RGB, phase: float) -> list[Part]:
    cabin = np.array([(-0.5, 0.0), (-0.34, -0.42), (0.24, -0.42), (0.5, 0.0)])
    window = np.array([(-0.36, -0.04), (-0.27, -0.32), (0.18, -0.32), (0.34, -0.04)])
    body = np.array([(-0.9, -0.02), (0.7, -0.02), (0.92, 0.12), (0.92, 0.32), (-0.9, 0.32)])
    return [
        Part(cabin, colour),
        Part(window, _GLASS),
        Part(body, colour),
        Part(disc(-0.5, 0.32, 0.18), _DARK),
        Part(disc(0.52, 0.32, 0.18), _DARK),
    ]


def _pan(colour: RGB, phase: float) -> list[Part]:
    tilt = 0.03 * float(np.sin(2 * np.pi * phase))
    return [
        Part(_limb(-0.4, 0.0, -1.05, -0.1 + tilt, 0.14), _DARK),
        Part(disc(0.1, 0.0, 0.58, 0.56), colour),
        Part(disc(0.1, -0.03, 0.42, 0.5), shade(colour, 0.55)),
    ]


def _boat(colour: RGB, phase: float) -> list[Part]:
    hull = np.array([(-0.6, 0.16), (0.66, 0.16), (0.42, 0.44), (-0.44, 0.44)])
    sail = np.array([(0.02, -0.5), (0.02, 0.2), (-0.5, 0.2)])
    jib = np.array([(0.1, -0.42), (0.5, 0.2), (0.1, 0.2)])
    return [
        Part(sail, colour),
        Part(jib, shade(colour, 0.75)),
        Part(box(0.03, -0.5, 0.08, 0.16), _DARK),
        Part(hull, colour),
    ]


def _balloon(colour: RGB, phase: float) -> list[Part]:
    return [
        Part(_limb(-0.16, 0.1, -0.07, 0.36, 0.03), _DARK),
        Part(_limb(0.16, 0.1, 0.07, 0.36, 0.03), _DARK),
        Part(disc(0.0, -0.14, 0.36), colour),
        Part(box(-0.1, 0.34, 0.1, 0.5), (120, 78, 42)),
    ]


Figure: TypeAlias = Callable[[RGB, float], list[Part]]
"""Outlines for a colour and a phase (turns)."""

FIGURES: Final[dict[str, Figure]] = {
    "person": _person,
    "cart": _cart,
    "pan": _pan,
    "car": _car,
    "player": _player,
    "dancer": _dancer,
    "boat": _boat,
    "balloon": _balloon,
}

HALF_WIDTHS: Final[dict[str, float]] = {
    name: max(float(np.abs(part.outline[:, 0]).max()) for part in figure((0, 0, 0), 0.0))
    for name, figure in FIGURES.items()
}
"""How far each figure reaches from its middle to either side, in its own heights."""
