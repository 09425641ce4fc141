"""How much of a clip moves, how fast and how evenly: flows in; speed, share and jitter out.

Speed and share are measured apart, so that a small subject or a soft one has its own speed: checked
against rendered clips whose speeds and sizes are known by `benchmarks/motion_truth.py`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slora_assets.validation.metrics.optical_flow import (
    WORKING_SIDE,
    Field,
    Flows,
    dot,
    read_along,
    speed_of,
)

_SMOOTHING: Final = 15
"""Side in working pixels of the box over which speeds are averaged: nearly two flow patches."""

_PEAK: Final = 99.5
"""Percentile of the carried speeds that stands for the fastest region: 0.5 % of a frame is the
smallest subject that is looked for."""

_OF_PEAK: Final = 0.6
"""Pixels that are carried on at this share of the peak have the moving region's speed."""

_AROUND_PEAK: Final = 0.4
"""Pixels that are carried on at this share of the peak move; at the edges of a region, and where a
VAE has softened it, speeds are lower than the region's."""

_LEAST_SPEED: Final = 0.05
"""In shorter sides per second; what is slower (a hand-held camera's sway) doesn't move."""

_LEAST_SHARE: Final = 0.001
"""Of a frame; a smaller region is noise."""

_FOLLOWED: Final = 0.5
"""A pair counts fully from this share of the best pair's peak on: motion that is uneven by a factor
of two weighs alike."""

_TYPICAL: Final = 75
"""Percentile of the pairs' changes that stands for a pair in which something moves."""


class Motion(NamedTuple):
    """Motion of one clip; means over its pairs of frames."""

    speed: float
    """Of the moving region, in shorter sides per second; 0 in pairs where nothing moves. Pairs that
    can't be followed count less."""
    share: float
    """Of the frame that belongs to the moving region, 0..1."""
    jitter: float
    """Mean change of the velocity along the way, in shorter sides per second; 0 for what moves
    evenly and for what stands, high for what shakes, jumps or was shuffled."""


class _Pair(NamedTuple):
    """What moves from a frame to the next, in shorter sides per second."""

    speed: float
    share: float
    peak: float
    """Fastest speed that a neighbouring pair carries on: how well the pair could be followed."""


def measure_flows(flows: Flows, grey: NDArray[np.uint8], fps: float) -> Motion:
    """Motion of a clip [T,h,w] by its optical flow.

    The moving region is where a pair's flow is trusted and a neighbouring pair carries it on. Jumps
    and shuffled frames lose share and raise jitter; what speed remains is no sign of them. Its
    speed is the median of its pixels', not the mean of the fastest 5 % of the frame (VBench's
    dynamic degree), which measures small subjects too slow.

    A VAE tears a small subject that moves far apart in some frames, and a pair whose subject can't
    be followed doesn't say that it was slow: pairs count by how well they could be, and those in
    which hardly a pixel changes, where nothing moved, count as well.
    """
    unit = WORKING_SIDE / fps
    found = [_region(flows, pair, unit) for pair in range(len(flows.forward))]
    speeds, shares, peaks = (np.array(column) for column in zip(*found, strict=True))
    followed = np.minimum(1, peaks / max(_FOLLOWED * float(peaks.max()), _LEAST_SPEED))
    weights = np.maximum(followed, _standing(grey))
    total = float(weights.sum())
    speed = float((weights * speeds).sum()) / total if total else 0.0
    return Motion(speed, float(shares.mean()), _jitter(flows) / unit)


def _standing(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """For each pair of frames how far it is from changing as much as pairs of this clip do, 0..1,
    where it changes most."""
    import cv2

    changes = np.array(
        [
            np.percentile(cv2.blur(cv2.absdiff(a, b), (_SMOOTHING, _SMOOTHING)), _PEAK)
            for a, b in pairwise(grey)
        ]
    )
    return 1 - np.minimum(1, changes / max(float(np.percentile(changes, _TYPICAL)), 1e-6))


def _region(flows: Flows, pair: int, unit: float) -> _Pair:
    """A pair's moving region; `unit` pixels per pair are one shorter side per second."""
    credit = _carried(flows, pair) / unit
    carried = _smooth(credit)
    peak = float(np.percentile(carried, _PEAK))
    core = carried >= max(_LEAST_SPEED, _OF_PEAK * peak)
    if core.mean() < _LEAST_SHARE:
        return _Pair(0.0, 0.0, peak)
    # Of a soft region's pixels those that are surely carried on say its speed.
    speeds, weights = speed_of(flows.forward[pair])[core], credit[core]
    speed = np.quantile(speeds, 0.5, method="inverted_cdf", weights=np.maximum(weights, 1e-6))
    share = float((carried >= max(_LEAST_SPEED, _AROUND_PEAK * peak)).mean())
    return _Pair(float(speed) / unit, share, peak)


def _carried(flows: Flows, pair: int) -> Field:
    """Speed [h,w] of a pair where its flow is trusted, as far as the pair before or the one after
    carries it on.

    The motion that led to a pixel is minus the backward flow of the pair before; the motion that
    goes on is the next pair's flow read where the pixel lands. One of the two is enough: what comes
    out from behind something, or into the picture, has no past.
    """
    flow = flows.forward[pair]
    speed = speed_of(flow)
    neighbours = [] if pair == 0 else [-flows.backward[pair - 1]]
    if pair + 1 < len(flows.forward):
        neighbours.append(read_along(flows.forward[pair + 1], flow)[0])
    credit = np.where(flows.agreed[pair], speed, np.float32(0))
    if neighbours:
        along = [dot(flow, other) / np.maximum(speed, np.float32(1e-6)) for other in neighbours]
        credit = np.minimum(credit, np.maximum(np.maximum.reduce(along), 0))
    return np.asarray(credit, dtype=np.float32)


def _smooth(credit: Field) -> Field:
    import cv2

    return np.asarray(cv2.blur(credit, (_SMOOTHING, _SMOOTHING)), dtype=np.float32)


def _jitter(flows: Flows) -> float:
    """Mean length of the change of flow from a pair to the next along it, in working pixels."""
    changes = []
    for pair in range(len(flows.forward) - 1):
        flow = flows.forward[pair]
        change = read_along(flows.forward[pair + 1], flow)[0] - flow
        inside = flows.inside[pair]
        if inside.any():
            changes.append(float(speed_of(change)[inside].mean()))
    return float(np.mean(changes)) if changes else 0.0
