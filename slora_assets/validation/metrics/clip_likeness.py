"""How far a clip is from another in what moves: pictures in, one distance out, whatever the place.

Clips cut from one source share their background, and an adapter is meant to learn it, so pixels
that stay the same count for nothing. Pure and deterministic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import FootageError
from slora_assets.validation.metrics.clip_alignment import (
    Field,
    laid_over,
    relit,
    way_over,
)

Evidence: TypeAlias = Literal["motion", "frame"]

HEIGHT: Final = 64
"""Pixels of the working height, at which distances are measured whatever the clips' own sizes."""

UNIT: Final = 0.5 / HEIGHT
"""Displacement, in picture heights, that weighs as much as pictures that have nothing in common."""

LEAST_OVERLAP: Final = 0.5
"""More than this share of the shorter clip's frames must lie side by side."""

STILL: Final = 4.0
"""Levels (0..255): a clip whose liveliest 2 % of pixels vary less over time stands still."""

_BLUR: Final = 1.5
"""Standard deviation in working pixels: what codecs and autoencoders change lies mostly below."""
_REACH: Final = 8.0
"""Working pixels from a subject's middle at which a change of size is read as a displacement."""
_STANDING: Final = 2 * STILL
"""Levels (0..255): a pixel that varies less over time is background."""
_SAME_ASPECT: Final = 0.03
"""By so little aspects differ where whole pixels are to blame."""
_FEEBLE: Final = 0.1
"""A change fitted at less than this part of its strength has no place that could be told."""


class Likeness(NamedTuple):
    """How like a training clip a sample is, at the alignment that suits it best."""

    distance: float
    """`hypot(sqrt(1 - agreement^2), displacement / UNIT)`: 0 for the same clip; infinite where
    nothing can be compared."""
    agreement: float
    """Correlation 0..1 of what moves in both."""
    displacement: float
    """How far, in picture heights, subjects are from where the training clip has them: root of the
    sum of squares of an offset, a drift and a change of size."""
    shift: int
    """The training clip's frame that the sample's first one falls on, negative if it comes before;
    for a sample that stands still the frame it shows."""
    mirrored: bool
    evidence: Evidence
    """`motion`: compared as films; `frame`: the sample stands still and was compared to frames."""


@dataclass(frozen=True)
class WorkingPictures:
    """A clip at working size: blurred RGB levels, float32 [T, HEIGHT, width, 3]."""

    pictures: Field

    @cached_property
    def rows(self) -> Field:
        """[T, P]: frames at a quarter of the working size, for a first look."""
        return np.stack([_shrunk(one) for one in self.pictures])

    @cached_property
    def place(self) -> Field:
        """[HEIGHT, width, 3]: the clip without what moves, its median over time."""
        return np.median(self.pictures, axis=0).astype(np.float32)

    @cached_property
    def behind(self) -> Field:
        """[HEIGHT, width, 3]: what a frame of this clip is told from, its place; if all stands
        still, the mean colour, so that the whole picture counts."""
        mean = self.place.mean(axis=(0, 1), keepdims=True)
        return np.broadcast_to(mean, self.place.shape) if self.still else self.place

    @cached_property
    def still(self) -> bool:
        """Whether nothing moves, the codec's noise aside."""
        return float(np.percentile(_variation(self.pictures), 98)) < STILL

    @cached_property
    def standing(self) -> NDArray[np.bool_]:
        """[HEIGHT, width]: the background."""
        return np.asarray(_variation(self.pictures) < _STANDING)

    def mirror(self) -> WorkingPictures:
        """The clip with left and right exchanged."""
        return WorkingPictures(np.ascontiguousarray(self.pictures[:, :, ::-1]))


def working_pictures(frames: NDArray[np.uint8], aspect: float) -> WorkingPictures:
    """Scale RGB frames [T, H, W, 3] to cover the working size of an aspect (width to height), cut
    the middle out and blur. Raises FootageError `bad_shape` for other arrays and for no frames."""
    import cv2

    shape = list(frames.shape)
    if frames.dtype != np.uint8 or frames.ndim != 4 or shape[3] != 3 or 0 in shape:
        raise FootageError(
            "bad_shape", f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {shape}"
        )
    height, width = shape[1:3]
    wide, high = width, height
    if abs(width / height / aspect - 1) > _SAME_ASPECT:
        wide = min(width, round(height * aspect) or 1)
        high = min(height, round(width / aspect) or 1)
    left, top = (width - wide) // 2, (height - high) // 2
    size = (max(2, round(HEIGHT * aspect)), HEIGHT)
    how = cv2.INTER_AREA if high > HEIGHT else cv2.INTER_LINEAR
    pictures = []
    for frame in frames[:, top : top + high, left : left + wide]:
        scaled = cv2.resize(np.ascontiguousarray(frame), size, interpolation=how)
        pictures.append(cv2.GaussianBlur(scaled.astype(np.float32), (0, 0), _BLUR))
    return WorkingPictures(np.stack(pictures).astype(np.float32))


def glance(sample: WorkingPictures, training: WorkingPictures) -> tuple[float, int]:
    """Quick and coarse: how well what moves agrees (-1..1) at the best `shift`, and that shift."""
    if sample.still:
        return _glance_at_frames(sample, training)
    across = sample.rows @ training.rows.T
    own, other = sample.rows @ sample.rows.T, training.rows @ training.rows.T
    length, against = across.shape
    best = (-1.0, 0)
    for shift in _shifts(length, against):
        mine, theirs = _overlap(length, against, shift)
        power = _about_mean(own[mine, mine]) * _about_mean(other[theirs, theirs])
        if power > 0:
            best = max(best, (_about_mean(across[mine, theirs]) / math.sqrt(power), shift))
    return best


def _glance_at_frames(sample: WorkingPictures, training: WorkingPictures) -> tuple[float, int]:
    behind = _shrunk(training.behind)
    found = _shrunk(relit(sample.place, training.place)) - behind
    wanted = training.rows - behind
    power = np.linalg.norm(wanted, axis=1) * np.linalg.norm(found) + 1e-6
    agreement = wanted @ found / power
    return float(agreement.max()), int(agreement.argmax())


def compare(sample: WorkingPictures, training: WorkingPictures, shift: int) -> Likeness:
    """Bring `sample` over `training` by what stands still in both, and measure what moves.

    `shift` is `glance`'s. Until a cut to one side is undone it looks like a shift in time, so where
    there is something to undo the frame before and the frame after are tried as well. A sample that
    stands still is measured against the training clip's frame `shift`, once the training clip's
    place is taken off both.
    """
    if sample.still:
        frame = training.pictures[shift]
        (laid,), about = laid_over(
            sample.place[None], way_over(sample.place, frame, training.standing)
        )
        frame, behind = frame[about], training.behind[about]
        return _compare_frame(relit(laid[about], frame), frame, behind, shift)
    likeness, moved = _compare_at(sample, training, shift)
    if not moved:
        return likeness
    shifts = _shifts(len(sample.pictures), len(training.pictures))
    beside = [one for one in (shift - 1, shift + 1) if one in shifts]
    tried = [likeness, *(_compare_at(sample, training, one)[0] for one in beside)]
    return min(tried, key=lambda one: one.distance)


def _compare_at(
    sample: WorkingPictures, training: WorkingPictures, shift: int
) -> tuple[Likeness, bool]:
    """Likeness at one time shift, and whether the sample had to be moved in the picture for it."""
    mine, theirs = _overlap(len(sample.pictures), len(training.pictures), shift)
    found, wanted = sample.pictures[mine], training.pictures[theirs]
    standing = (_variation(found) < _STANDING) & (_variation(wanted) < _STANDING)
    way = way_over(np.median(found, axis=0), np.median(wanted, axis=0), standing)
    laid, about = laid_over(found, way)
    likeness = _compare_motion(laid[:, *about], wanted[:, *about], shift)
    return likeness, way is not None


def _compare_motion(found: Field, wanted: Field, shift: int) -> Likeness:
    """How much of the change over time of `found` [T,h,w,3] is that of `wanted`, and how far off.

    Least squares over all pixels: the wanted change, and what is added by an offset of one pixel
    across or down, by one that goes from -1 to 1 in the course of the clip, and by a change of
    size. Pixels that stay the same drop out.
    """
    time = np.linspace(-1, 1, len(wanted), dtype=np.float32)[:, None, None, None]
    middle = (found + wanted) * np.float32(0.5)
    down, across = (_slope(middle, axis) for axis in (1, 2))
    size = _growth(across, down, wanted - wanted.mean(axis=0))
    changes = [wanted, across, down, time * across, time * down, size]
    # A drift from -1 to 1 has a third of the mean square that an offset of 1 has.
    return _fitted(
        found - found.mean(axis=0),
        [one - one.mean(axis=0) for one in changes],
        np.array([1, 1, 1 / 3, 1 / 3, 1]),
        shift,
        "motion",
    )


def _compare_frame(found: Field, wanted: Field, behind: Field, shift: int) -> Likeness:
    """How much of what `found` [h,w,3] has before `behind` is what the frame `wanted` has there."""
    subject = wanted - behind
    across, down = (_slope((found + wanted) * np.float32(0.5) - behind, axis) for axis in (1, 0))
    size = _growth(across[None], down[None], subject[None])[0]
    return _fitted(found - behind, [subject, across, down, size], np.ones(3), shift, "frame")


def _growth(across: Field, down: Field, change: Field) -> Field:
    """What [T,h,w,3] is added by a change of size about each frame's subject, which is where there
    is `change`, by one pixel at _REACH."""
    weight = np.abs(change).sum(axis=3, keepdims=True) + np.float32(1e-6)
    grid = np.indices(change.shape[1:3]).astype(np.float32)[:, None, :, :, None]
    rows, columns = grid[0], grid[1]
    total = weight.sum(axis=(1, 2), keepdims=True)
    right = columns - (weight * columns).sum(axis=(1, 2), keepdims=True) / total
    below = rows - (weight * rows).sum(axis=(1, 2), keepdims=True) / total
    return np.asarray((right * across + below * down) / _REACH, dtype=np.float32)


def _variation(pictures: Field) -> Field:
    """[h,w]: standard deviation over time of the channel that varies most."""
    return np.asarray(pictures.std(axis=0).max(axis=2), dtype=np.float32)


def _slope(pictures: Field, axis: int) -> Field:
    return np.asarray(np.gradient(pictures, axis=axis), dtype=np.float32)


def _fitted(
    found: Field,
    changes: list[Field],
    squares: NDArray[np.float64],
    shift: int,
    evidence: Evidence,
) -> Likeness:
    """Fit `found` by `changes`, of which the first is the wanted one and the rest are displacements
    of one pixel; `squares` are the latter's mean squares."""
    basis = np.stack([one.ravel() for one in changes], axis=1).astype(np.float64)
    values = found.ravel().astype(np.float64)
    products, target = np.asarray(basis.T @ basis), np.asarray(basis.T @ values)
    power = float(products[0, 0]) * float(values @ values)
    agreement = max(0.0, float(target[0]) / math.sqrt(power)) if power > 0 else 0.0
    solution = np.linalg.lstsq(products, target, rcond=None)[0]
    strength, moves = float(solution[0]), solution[1:]
    if agreement == 0 or strength < _FEEBLE:
        return Likeness(math.inf, agreement, math.inf, shift, False, evidence)
    pixels = math.sqrt(float(squares @ np.square(moves / strength)))
    off = math.sqrt(max(0.0, 1 - agreement**2))
    displacement = pixels / HEIGHT
    distance = math.hypot(off, displacement / UNIT)
    return Likeness(distance, agreement, displacement, shift, False, evidence)


def _shrunk(picture: Field) -> Field:
    """[P]: the picture [h,w,3] at a quarter of its size."""
    import cv2

    height, width = picture.shape[:2]
    size = (max(1, width // 4), max(1, height // 4))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA).ravel(), np.float32)


def _shifts(length: int, against: int) -> range:
    """Time shifts of a clip against another at which enough frames lie side by side."""
    least = min(length, against, math.floor(min(length, against) * LEAST_OVERLAP) + 1)
    return range(least - length, against - least + 1)


def _overlap(length: int, against: int, shift: int) -> tuple[slice, slice]:
    """Frames of a clip and of another that lie side by side if it begins at the other's `shift`."""
    start, other = max(0, -shift), max(0, shift)
    count = min(length - start, against - other)
    return slice(start, start + count), slice(other, other + count)


def _about_mean(products: Field) -> float:
    """Sum over frames of products of deviations from the mean, from products of frames."""
    return float(np.trace(products) - products.sum() / len(products))
