"""Which subject a moving patch is: the drawing that, drawn over the background, explains it best.

Analysis by synthesis: every known figure is drawn where the patch is, in the patch's own colour,
moved and sized until it fits, and compared with the frames pixel by pixel. Soft pictures cost all
candidates alike, where a rule over outlines would lose the outline. Plain shapes are candidates as
well: a patch that an ellipse explains better than any figure shows no subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.miniature.rules.patches import Mask, largest, of_colour, touches_edge
from slora_assets.miniature.scenes.canvas import RGB, Canvas, Outline, Pixels, box, disc
from slora_assets.miniature.scenes.figures import COLOUR_VALUES, FIGURES, Figure, Part, draw_figure

_SIZES: Final = (0.7, 0.8, 0.9, 1.0, 1.12, 1.25)
"""First tried sizes, as shares of the one that the patch's area suggests: where parts of a figure
run together or apart, the patch is another part of it."""
_STEPS: Final = (3, 2, 1)
"""Pixels by which a fit moves, one round after the other."""
_GROW: Final = 1.11
_PHASES: Final = (0.25, 0.75)
"""Of an animated figure, besides 0: where its swing is widest."""
_LEAST_EXPLAINED: Final = 0.25
"""A drawing that explains less of what differs from the background is not recognised."""
_REACH: Final = 1.6
"""How far around a patch pixels are compared, in square roots of its area: to a figure's ends."""
_MOST_FRAMES: Final = 3
"""Compared frames, spread over the clip: five tell no more."""
_REFERENCE: Final = 256
"""Picture height in pixels at which the figures are measured."""


def subject_of(frames: Pixels, masks: list[Mask], colour: str, direction: str | None) -> str | None:
    """The figure that best explains the patches of `masks` in frames [F, H, W, 3], if any does."""
    seen = [at for at, mask in enumerate(masks) if mask.any() and not touches_edge(mask)]
    seen = seen or [at for at, mask in enumerate(masks) if mask.any()]
    if not seen:
        return None
    spread = np.linspace(0, len(seen) - 1, min(len(seen), _MOST_FRAMES))
    seen = [seen[round(float(at))] for at in spread]
    background = _background(frames, masks)
    shown = [_Patch.of(frames[at], masks[at], background) for at in seen]
    tint = _mean_colour(frames, [masks[at] for at in seen], seen)
    plain = _plain_shapes([masks[at] for at in seen])
    explained = {
        name: _Candidate(figure, colour, tint, direction == "left").explains(shown)
        for name, figure in {**FIGURES, **plain}.items()
    }
    best = max(explained, key=lambda name: explained[name])
    return best if best in FIGURES and explained[best] >= _LEAST_EXPLAINED else None


@dataclass(frozen=True)
class _Patch:
    """One frame, cut to its patch; lengths in heights of the picture, from the cut's corner."""

    height: int
    """Of the whole picture, in pixels."""
    background: Pixels
    """[h, w, 3]: the cut without its subject."""
    near: Mask
    """[h, w]: pixels that are compared."""
    differs: NDArray[np.float32]
    """[n, 3]: what the frame has beyond the background there."""
    middle: NDArray[np.float64]
    """(y, x) of the patch."""
    area: float
    """In squared heights."""

    @classmethod
    def of(cls, frame: Pixels, mask: Mask, background: NDArray[np.float32]) -> _Patch:
        height = frame.shape[0]
        reach = round(_REACH * np.sqrt(mask.sum())) | 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        near = cv2.dilate(mask.astype(np.uint8), around) > 0
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        differs = (frame.astype(np.float32) - background)[cut][near[cut]]
        centre = np.argwhere(mask).mean(axis=0) + 0.5 - (rows[0], columns[0])
        return cls(
            height=height,
            background=np.rint(background[cut]).astype(np.uint8),
            near=near[cut],
            differs=differs,
            middle=centre / height,
            area=float(mask.sum()) / height**2,
        )

    @cached_property
    def soft_background(self) -> NDArray[np.float32]:
        return _soft(self.background)[self.near]


@dataclass(frozen=True)
class _Candidate:
    """A figure in a colour, to be drawn over a clip's patches."""

    figure: Figure
    colour: str
    tint: RGB
    facing_left: bool

    def explains(self, shown: list[_Patch]) -> float:
        """The share of what differs from the background that the best fit explains, 0 to 1.

        One size and one shift for all frames, found by going downhill; each frame has its phase.
        """
        area, middle = self._measured
        fits: dict[tuple[float, int, int], float] = {}

        def fit(size: float, down: int, across: int) -> float:
            key = (size, down, across)
            if key not in fits:
                fits[key] = _share(self._products(shown, area, middle, key, 0.0))
            return fits[key]

        best = max(((size, 0, 0) for size in _SIZES), key=lambda one: fit(*one))
        for step in _STEPS:
            size, down, across = best
            moved = [(step, 0), (-step, 0), (0, step), (0, -step)]
            places = [best, *((size, down + y, across + x) for y, x in moved)]
            size, down, across = max(places, key=lambda one: fit(*one))
            sizes = (size, size * _GROW, size / _GROW)
            best = max(((one, down, across) for one in sizes), key=lambda one: fit(*one))
        # [P, F, 3]: the phase that fits best is chosen for every frame.
        phases = np.stack(
            [self._products(shown, area, middle, best, phase) for phase in (0.0, *_PHASES)]
        )
        each = np.array([[_share(one[None]) for one in frames] for frames in phases])
        return _share(phases[each.argmax(axis=0), np.arange(len(shown))])

    def _products(
        self,
        shown: list[_Patch],
        area: float,
        middle: NDArray[np.float64],
        fit: tuple[float, int, int],
        phase: float,
    ) -> NDArray[np.float64]:
        """[F, 3]: drawing times clip, drawing squared, clip squared, as they differ from the
        background."""
        scale, *shift = fit
        parts = self.figure(self.tint, phase)
        rows = []
        for patch in shown:
            size = scale * float(np.sqrt(patch.area / area))
            y, x = patch.middle - size * middle + np.array(shift) / patch.height
            canvas = Canvas(patch.height, pixels=patch.background.copy())
            draw_figure(canvas, parts, x=x, y=y, size=size, facing_left=self.facing_left)
            drawn = _soft(canvas.pixels)[patch.near] - patch.soft_background
            clip = patch.differs
            rows.append(((drawn * clip).sum(), np.square(drawn).sum(), np.square(clip).sum()))
        return np.array(rows, np.float64)

    @cached_property
    def _measured(self) -> tuple[float, NDArray[np.float64]]:
        """Area and middle (y, x) of the coloured part, for a figure of size 1 at the origin."""
        canvas = Canvas(_REFERENCE, (128, 128, 128))
        parts = self.figure(COLOUR_VALUES[self.colour], 0.0)
        draw_figure(canvas, parts, x=0.75, y=0.5, size=0.5, facing_left=self.facing_left)
        mask = largest(of_colour(canvas.pixels, self.colour))
        middle = (np.argwhere(mask).mean(axis=0) + 0.5) / _REFERENCE - (0.5, 0.75)
        return float(mask.sum()) / _REFERENCE**2 / 0.5**2, middle / 0.5


def _share(products: NDArray[np.float64]) -> float:
    """The squared cosine of drawing and clip: what is explained at the contrast that fits best, so
    that a faint subject is judged by its shape; 0 for a drawing of what is darker as lighter."""
    across, drawn, clip = products.sum(axis=0)
    return float(max(across, 0.0) ** 2 / max(drawn * clip, 1e-9))


def _plain_shapes(masks: list[Mask]) -> dict[str, Figure]:
    """An ellipse, a box and a triangle as wide for their height as the patches."""
    down, across = np.mean([np.argwhere(mask).std(axis=0) + 0.3 for mask in masks], axis=0)
    wide = float(np.sqrt(across / down))
    base = wide * 1.07  # a triangle's points spread less across than down
    outlines: dict[str, Outline] = {
        "ellipse": disc(0.0, 0.0, wide / 2, 1 / wide**2),
        "box": box(-wide / 2, -0.5 / wide, wide / 2, 0.5 / wide),
        "triangle": np.array([(-base / 2, 0.5 / base), (base / 2, 0.5 / base), (0, -0.5 / base)]),
    }
    return {name: _in_one_colour(outline) for name, outline in outlines.items()}


def _in_one_colour(outline: Outline) -> Figure:
    return lambda colour, phase: [Part(outline, colour)]


def _soft(picture: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.float32)


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
