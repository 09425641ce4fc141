"""Where pixels go from frame to frame: dense optical flow, and where it is to be trusted.

Pure and deterministic (block matching and DIS on the CPU); everything is measured at one working
size.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import cv2

Frames: TypeAlias = NDArray[np.uint8]
Field: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

WORKING_SIDE = 256
"""Pixels of the shorter side at which everything is measured, VBench's unit of length. One working
size makes scores independent of resolution and keeps tiny clips above DIS's least size."""

MAX_SPEED = 1.25
"""Fastest motion that is looked for, in shorter sides per second."""

_SEARCH_SIDE = 64
"""Pixels of the shorter side at which every displacement is tried."""

_SEARCH_WINDOW = 5
"""Side in those pixels of the blocks that are compared."""

_SEARCH_PENALTY = 0.03
"""Grey levels that a displacement has to be better by for each pixel that it is longer: where
nothing can be told, nothing moves."""


_AROUND = 15
"""Side in working pixels of the box over which two flows are compared."""

_CLEARLY = 1.0
"""Grey levels by which the searched flow has to be better."""


class WorkingClip(NamedTuple):
    """A clip at working size: `rgb` float32 [T,h,w,3] in 0..1 and `grey` uint8 [T,h,w]."""

    rgb: Field
    grey: NDArray[np.uint8]


class Flows(NamedTuple):
    """Optical flow of a clip's T-1 pairs of frames: [h,w,2] in x, y pixels of the working size."""

    forward: list[Field]
    backward: list[Field]
    agreed: list[Mask]
    """[h,w] where forward and backward flow agree: no occlusion, no failure."""
    inside: list[Mask]
    """[h,w] where forward flow stays inside the frame."""


def new_flow() -> tuple[cv2.DISOpticalFlow, str]:
    """DIS at its fast preset (Kroeger et al. 2016, arXiv 1603.03590), and its version.

    The medium preset takes six times as long, and measures speeds after a VAE nearer to the truth
    by 3 to 5 %, which is the same for footage and samples (`benchmarks/motion_truth.py`).
    """
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return flow, f"opencv-dis {cv2.__version__}"


def working_clip(frames: Frames) -> WorkingClip:
    """Resize [T,H,W,3] to a shorter side of WORKING_SIDE: by area down, bilinear up."""
    import cv2

    height, width = frames.shape[1:3]
    scale = WORKING_SIDE / min(height, width)
    size = (max(WORKING_SIDE, round(width * scale)), max(WORKING_SIDE, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = [cv2.resize(np.ascontiguousarray(frame), size, interpolation=how) for frame in frames]
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small])
    return WorkingClip(np.stack(small).astype(np.float32) / np.float32(255), grey.astype(np.uint8))


def flow_between(
    dis: cv2.DISOpticalFlow, start: NDArray[np.uint8], end: NDArray[np.uint8]
) -> Field:
    """Where each pixel of `start` [h,w] goes in `end`: [h,w,2] in x, y pixels."""
    return np.asarray(dis.calc(start, end, None), dtype=np.float32)


def matched_flow(
    dis: cv2.DISOpticalFlow, start: NDArray[np.uint8], end: NDArray[np.uint8], reach: float
) -> Field:
    """As `flow_between`, for displacements of up to `reach` shorter sides, however small what
    moves.

    DIS works from coarse to fine and loses what moves farther than its own size. So the best of all
    displacements is found as well, at a coarse size, and DIS finds what is left of the way. That
    holds where it explains the pictures clearly better; inside of plain surfaces DIS alone is
    right, which carries the motion of their edges there.
    """
    plain = flow_between(dis, start, end)
    searched = _searched_flow(dis, start, end, reach)
    better = _unexplained(start, end, searched) + _CLEARLY < _unexplained(start, end, plain)
    return np.where(better[..., None], searched, plain)


def _unexplained(start: NDArray[np.uint8], end: NDArray[np.uint8], flow: Field) -> Field:
    """Grey levels [h,w] by which `end`, read along the flow, differs from `start` around a
    pixel."""
    import cv2

    met = read_along(end.astype(np.float32)[..., None], flow)[0]
    return np.asarray(cv2.blur(np.abs(start - met), (_AROUND, _AROUND)), dtype=np.float32)


def _searched_flow(
    dis: cv2.DISOpticalFlow, start: NDArray[np.uint8], end: NDArray[np.uint8], reach: float
) -> Field:
    import cv2

    height, width = start.shape
    scale = _SEARCH_SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (start, end)]
    coarse = _best_displacements(small[0], small[1], max(1, round(reach * _SEARCH_SIDE)))
    whole = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    whole = np.asarray(whole / np.float32(scale), dtype=np.float32)
    met = read_along(end.astype(np.float32)[..., None], whole)[0]
    left = flow_between(dis, start, np.clip(np.rint(met), 0, 255).astype(np.uint8))
    return np.asarray(left + read_along(whole, left)[0], dtype=np.float32)


def _best_displacements(
    start: NDArray[np.uint8], end: NDArray[np.uint8], reach: int
) -> NDArray[np.float32]:
    """The whole-pixel displacement [h,w,2] of each block of `start`, of all within `reach`, that
    leaves the least absolute difference; the shorter of equals."""
    import cv2

    height, width = start.shape
    edged = cv2.copyMakeBorder(end, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    tried = _within(reach)
    least = np.full((height, width), np.inf, np.float32)
    best = np.zeros((height, width), np.int32)
    for number, (across, down, length) in enumerate(tried):
        other = edged[reach + down : reach + down + height, reach + across :][:, :width]
        difference = cv2.absdiff(start, other)
        cost = cv2.boxFilter(difference, cv2.CV_32F, (_SEARCH_WINDOW, _SEARCH_WINDOW))
        cost += np.float32(_SEARCH_PENALTY * length)
        better = cost < least
        np.copyto(least, cost, where=better)
        np.copyto(best, number, where=better)
    found = np.array([one[:2] for one in tried], np.float32)[best]
    # A block that stands alone among others has met its like by chance.
    return np.stack([cv2.medianBlur(found[..., axis], 5) for axis in (0, 1)], axis=-1)


@lru_cache(maxsize=8)
def _within(reach: int) -> tuple[tuple[int, int, float], ...]:
    """All displacements up to a length, across and down, with their lengths; the shortest first."""
    every = (
        (across, down, float(np.hypot(across, down)))
        for down in range(-reach, reach + 1)
        for across in range(-reach, reach + 1)
    )
    return tuple(sorted((one for one in every if one[2] <= reach), key=lambda one: one[2]))


def follow(dis: cv2.DISOpticalFlow, grey: NDArray[np.uint8], fps: float) -> Flows:
    """Follow the pixels of `grey` [T,h,w] from each frame to the next and back."""
    reach = MAX_SPEED / fps
    forward = [matched_flow(dis, a, b, reach) for a, b in pairwise(grey)]
    backward = [matched_flow(dis, b, a, reach) for a, b in pairwise(grey)]
    masks = [_agreement(there, back) for there, back in zip(forward, backward, strict=True)]
    agreed, inside = zip(*masks, strict=True)
    return Flows(forward, backward, list(agreed), list(inside))


def _agreement(forward: Field, backward: Field) -> tuple[Mask, Mask]:
    """Where forward and backward flow of a pair agree, and where forward stays inside the frame.

    They disagree, by occlusion or failure, if |F + B(warped)|^2 > 0.01 (|F|^2 + |B(warped)|^2) +
    0.5 (Sundaram et al. 2010).
    """
    back, inside = read_along(backward, forward)
    mismatch = dot(forward + back, forward + back)
    allowed = 0.01 * (dot(forward, forward) + dot(back, back)) + 0.5
    return inside & (mismatch <= allowed), inside


def read_along(image: Field, flow: Field) -> tuple[Field, Mask]:
    """`image` [h,w,C] read where `flow` [h,w,2] points, and where that lies inside the frame."""
    import cv2

    height, width = flow.shape[:2]
    rows, columns = _grid(height, width)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    read = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, dtype=np.float32), inside


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[Field, Field]:
    """Each pixel's row and its column, [h,w]."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows, columns


def dot(one: Field, other: Field) -> Field:
    """Products [h,w] of the arrows of two flows; a sum along an axis of two takes longer."""
    return one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1]


def speed_of(flow: Field) -> Field:
    """Length [h,w] of each of `flow`'s arrows, in its pixels."""
    return np.asarray(np.hypot(flow[..., 0], flow[..., 1]), dtype=np.float32)


def top_mean(values: Field, share: float) -> float:
    """Mean of the largest `share` of the values."""
    flat = values.ravel()
    count = max(1, int(flat.size * share))
    return float(np.partition(flat, flat.size - count)[-count:].mean())
