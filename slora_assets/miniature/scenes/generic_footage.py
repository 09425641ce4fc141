"""Pretraining footage rendered on the fly: subjects, colours, directions, mixed places.

A clip is a pure function of (seed, index, settings): training resumes exactly, and held-out clips
are simply another seed's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.scenes.actors import HEADINGS, Actor, tinted
from slora_assets.miniature.scenes.canvas import ASPECT, RGB, Canvas, Pixels
from slora_assets.miniature.scenes.figures import HALF_WIDTHS
from slora_assets.miniature.scenes.surroundings import paint
from slora_assets.miniature.weights import architecture
from slora_assets.miniature.weights.vocabulary import COLOURS, DIRECTIONS, SUBJECTS

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class GenericSettings:
    """How varied the pretraining footage is."""

    vivid: float = 0.3
    """Share of saturated backgrounds."""
    clutter: float = 0.3
    """Share of backgrounds with objects on them."""
    objects: int = 6
    """Most objects on a background that has any."""
    company: float = 0.2
    """Share of clips with more than one subject."""
    still: float = 0.0
    """Share of subjects that don't move."""
    sway: float = 0.0
    """Share of clips filmed by an unsteady camera."""
    speed: tuple[float, float] = (0.35, 0.6)
    """Slowest and fastest subjects, in picture heights per second."""
    vertical: float = 1.0
    """Speed up and down as a share of that across."""
    size: tuple[float, float] = (0.38, 0.5)
    """Smallest and largest subjects, in picture heights."""
    withheld: bool = False
    """Never show the combinations that prompts are judged by; see `is_withheld`."""


@dataclass(frozen=True)
class GenericClip:
    """A rendered clip with what is in it."""

    frames: Pixels
    """[F, H, W, 3] RGB."""
    actors: tuple[Actor, ...]
    surroundings: str
    covered: NDArray[np.bool_]
    """[F, H, W]: where an actor is."""


def generic_clip(
    seed: int, index: int, settings: GenericSettings, actor: Actor | None = None
) -> GenericClip:
    """Render clip `index` of the endless footage `seed`; `actor` replaces the drawn first one."""
    rng = np.random.default_rng([seed, index])
    actors = [actor or _actor(rng, settings)]
    if rng.random() < settings.company:
        actors += [_actor(rng, settings) for _ in range(int(rng.integers(1, 3)))]
    tints: list[RGB] = [one.tint for one in actors]
    height = architecture.HEIGHT * _SUPERSAMPLING
    background = Canvas(height)
    name = paint(background, rng, tints, settings.vivid, settings.clutter, settings.objects)
    camera = rng.uniform(-1, 1, 4) * (rng.random() < settings.sway)
    frames, covered = zip(
        *(
            _frame(swayed(background.pixels, camera, number / architecture.FPS), actors, number)
            for number in range(architecture.FRAMES)
        ),
        strict=True,
    )
    return GenericClip(np.stack(frames), tuple(actors), name, np.stack(covered))


def is_withheld(subject: str, colour: str, direction: str) -> bool:
    """Whether a combination is kept out of pretraining: one in eight, evenly over all words."""
    place = SUBJECTS.index(subject) + 2 * COLOURS.index(colour) + 3 * DIRECTIONS.index(direction)
    return place % 8 == 0


def swayed(background: Pixels, camera: NDArray[np.float64], time_s: float) -> Pixels:
    """The background moved as by an unsteady hand; `camera` is [speed x, y, swing x, y], -1..1."""
    if not camera.any():
        return background
    height = background.shape[0]
    margin = height // 10
    swing = np.sin(2.5 * time_s)
    across = camera[0] * 0.04 * time_s + camera[2] * 0.03 * swing
    down = camera[1] * 0.02 * time_s + camera[3] * 0.03 * swing
    left, top = (margin + round(min(max(way, -0.1), 0.1) * height) for way in (across, down))
    wide = cv2.copyMakeBorder(background, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    moved: Pixels = wide[top : top + height, left : left + background.shape[1]].astype(np.uint8)
    return moved


def _frame(
    background: Pixels, actors: list[Actor], number: int
) -> tuple[Pixels, NDArray[np.bool_]]:
    """A frame [H, W, 3], and where in it an actor is [H, W]."""
    canvas = Canvas(background.shape[0], pixels=background.copy())
    # The first actor is the caption's subject: nobody walks in front of it.
    for actor in reversed(actors):
        actor.draw(canvas, number / architecture.FPS)
    changed = (canvas.pixels != background).any(axis=2)
    return _small(canvas.pixels), _small(changed.astype(np.uint8) * 255) > 127


def _small(picture: Pixels) -> Pixels:
    size = (architecture.WIDTH, architecture.HEIGHT)
    small: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


def _actor(rng: np.random.Generator, settings: GenericSettings) -> Actor:
    """A random actor that stays inside the picture for the whole clip."""
    subject, colour = str(rng.choice(SUBJECTS)), str(rng.choice(COLOURS))
    direction = str(rng.choice(DIRECTIONS))
    while settings.withheld and is_withheld(subject, colour, direction):
        direction = str(rng.choice(DIRECTIONS))
    size = float(rng.uniform(*settings.size)) * (0.8 if HALF_WIDTHS[subject] > 0.6 else 1.0)
    seconds = (architecture.FRAMES - 1) / architecture.FPS
    speed = 0.0 if rng.random() < settings.still else float(rng.uniform(*settings.speed))
    across, down = HEADINGS[direction]
    speed *= settings.vertical if down else 1.0
    reach = size * HALF_WIDTHS[subject] * 0.8
    return Actor(
        subject=subject,
        colour=colour,
        direction=direction,
        x=_start(rng, reach, ASPECT - reach, across * speed * seconds),
        y=_start(rng, size * 0.45, 1 - size * 0.45, down * speed * seconds),
        speed=speed,
        size=size,
        tint=tinted(rng, colour),
        phase=float(rng.random()),
    )


def _start(rng: np.random.Generator, low: float, high: float, way: float) -> float:
    """A start from which `way` leads to an end between `low` and `high`, as far as that fits."""
    first, last = max(low, low - way), min(high, high - way)
    if first > last:
        return (low + high - way) / 2
    return float(rng.uniform(first, last))
