"""Where pixels go from frame to frame: dense optical flow, where it is to be trusted, and motion.

Pure and deterministic (DIS on the CPU); everything is measured at one working size.
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

SMOOTHING = 15
"""Side in working pixels of the box over which speeds are averaged: nearly two flow patches."""


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
    """DIS at its medium preset (Kroeger et al. 2016, arXiv 1603.03590), and its version."""
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
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


def follow(dis: cv2.DISOpticalFlow, grey: NDArray[np.uint8]) -> Flows:
    """Follow the pixels of `grey` [T,h,w] from each frame to the next and back."""
    forward = [flow_between(dis, a, b) for a, b in pairwise(grey)]
    backward = [flow_between(dis, b, a) for a, b in pairwise(grey)]
    masks = [_agreement(there, back) for there, back in zip(forward, backward, strict=True)]
    agreed, inside = zip(*masks, strict=True)
    return Flows(forward, backward, list(agreed), list(inside))


def steady_motion(flows: Flows, fps: float) -> float:
    """Mean over pairs of the fastest 5 % of pixels' steady speed, in shorter sides per second."""
    steady = [top_mean(_continued(flows, pair), 0.05) for pair in range(len(flows.forward))]
    return float(np.mean(steady)) / WORKING_SIDE * fps


def _continued(flows: Flows, pair: int) -> Field:
    """Speed [h,w] of a pair where its flow is trusted and both neighbouring pairs carry it on,
    averaged over SMOOTHING, so that the fastest pixels aren't those with the most flow noise.

    The motion that led to a pixel is minus the backward flow of the pair before; the motion that
    goes on is the next pair's flow read where the pixel lands. Clip ends have one neighbour.
    """
    import cv2

    flow = flows.forward[pair]
    speed = speed_of(flow)
    credit = np.where(flows.agreed[pair], speed, np.float32(0))
    neighbours = [] if pair == 0 else [-flows.backward[pair - 1]]
    if pair + 1 < len(flows.forward):
        neighbours.append(read_along(flows.forward[pair + 1], flow)[0])
    for other in neighbours:
        along = _dot(flow, other) / np.maximum(speed, np.float32(1e-6))
        credit = np.minimum(credit, np.maximum(along, 0))
    return np.asarray(cv2.blur(credit, (SMOOTHING, SMOOTHING)), dtype=np.float32)


def _agreement(forward: Field, backward: Field) -> tuple[Mask, Mask]:
    """Where forward and backward flow of a pair agree, and where forward stays inside the frame.

    They disagree, by occlusion or failure, if |F + B(warped)|^2 > 0.01 (|F|^2 + |B(warped)|^2) +
    0.5 (Sundaram et al. 2010).
    """
    back, inside = read_along(backward, forward)
    mismatch = _dot(forward + back, forward + back)
    allowed = 0.01 * (_dot(forward, forward) + _dot(back, back)) + 0.5
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


def _dot(one: Field, other: Field) -> Field:
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
