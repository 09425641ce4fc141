"""How steady a clip is over time: RGB frames in, warp errors, motion, frozen and cut flags out.

Pure and deterministic (DIS optical flow on the CPU); the score of a frozen clip is null, never 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from slora_assets.config.errors import FootageError

if TYPE_CHECKING:
    import cv2

Frames: TypeAlias = NDArray[np.uint8]
Field: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

WORKING_SIDE = 256
"""Pixels of the shorter side at which everything is measured, VBench's unit of length. One working
size makes scores independent of resolution and keeps tiny clips above DIS's least size."""

MIN_SIDE = 8
"""Shorter sides than this, in pixels, hold nothing a flow could follow."""

SMOOTHING = 15
"""Side in working pixels of the box over which speeds are averaged: nearly two flow patches."""

DUPLICATE_MAE = 1 / 255
"""Mean absolute difference (0..1) below which a frame repeats the one before."""

DUPLICATE_SHARE = 0.5
"""A clip with a larger share of repeated frames is frozen."""

CUT_ERROR = 0.01
"""Warp error (mean squared, 0..1) a scene cut exceeds at least; a tracked move stays near 1e-4."""

CUT_RATIO = 4.0
"""A scene cut also exceeds this many times the clip's median warp error, so that flicker, which
raises every pair, isn't counted as cuts."""

TRUSTED_SHARE = 0.5
"""Where forward and backward flow agree on less of the frame than this, the flow has failed rather
than met an occlusion, and the pair is judged on every in-frame pixel."""


class TemporalScore(BaseModel):
    """The components and the headline of one clip. Errors are of intensities 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warp_error_mean: float
    """Mean over frame pairs of the squared error after motion compensation; lower is better."""
    warp_error_p95: float
    warp_error_max: float
    mc_consistency: float
    """1 - mean absolute error after motion compensation, 0..1; higher is better."""
    motion_score: float
    """Steady motion of the fastest 5 % of pixels, in shorter sides a second."""
    raw_motion_score: float
    """The same without asking for steadiness: mean top-5 % flow, in shorter sides a second."""
    dynamic: bool
    """VBench's dynamic degree."""
    static: bool
    """VBench's static filter."""
    duplicate_share: float
    """Share of the frame pairs whose frames are the same within 1/255."""
    frozen: bool
    scene_cuts: int
    motion_ref: float | None
    """What motion_score was held against; null: the headline is mc_consistency alone."""
    temporal_consistency: float | None
    """The headline, 0..1, higher is better; null for a frozen clip."""
    reason: str
    """Why the headline is what it is, as a sentence."""
    backend: str


class _Clip(NamedTuple):
    """A clip at working size: `rgb` float32 [T,h,w,3] in 0..1 and `grey` uint8 [T,h,w]."""

    rgb: Field
    grey: NDArray[np.uint8]

    @property
    def pairs(self) -> range:
        return range(len(self.grey) - 1)


def measure_temporal(frames: Frames, fps: float, motion_ref: float | None = None) -> TemporalScore:
    """Measure one clip.

    `frames` are RGB [T, H, W, 3], `fps` frames a second as shown, `motion_ref` the motion_score
    (shorter sides a second) that counts as enough motion, say the 25th percentile of the scenario's
    training clips measured by this function.

    Headline: mc_consistency * min(1, motion_score / motion_ref). Warp error as in EvalCrafter's
    family (Lai et al. 2018, arXiv 1808.00449), over non-occluded pixels.
    Dynamic degree and static filter: Vchitect/VBench:vbench/dynamic_degree.py, :static_filter.py.
    motion_score departs from VBench's top-5 % flow by counting only motion that the pair before and
    the pair after carry on, so that cuts, jumps and shuffled frames aren't rewarded as motion.

    Raises FootageError with reason `bad_shape`, `too_few_frames` or `bad_rate`.
    """
    _check(frames, fps, motion_ref)
    dis, backend = _new_flow()
    clip = _working_copy(frames)
    forward, backward, masks = _follow(dis, clip.grey)
    errors = [_warp_error(clip.rgb[t], clip.rgb[t + 1], forward[t], *masks[t]) for t in clip.pairs]
    squared, absolute = zip(*errors, strict=True)
    raw = [_top_mean(_speed(flow), 0.05) for flow in forward]
    duplicates = float(np.mean(np.abs(np.diff(clip.rgb, axis=0)).mean((1, 2, 3)) < DUPLICATE_MAE))
    static = _is_static(dis, clip, forward)
    consistency = 1.0 - float(np.mean(absolute))
    motion = _steady_motion(forward, backward, masks, fps)
    headline, reason = _headline(consistency, motion, motion_ref, static, duplicates)
    return TemporalScore(
        warp_error_mean=float(np.mean(squared)),
        warp_error_p95=float(np.percentile(squared, 95)),
        warp_error_max=float(np.max(squared)),
        mc_consistency=consistency,
        motion_score=motion,
        raw_motion_score=float(np.mean(raw)) / WORKING_SIDE * fps,
        dynamic=_is_dynamic(dis, clip, fps),
        static=static,
        duplicate_share=duplicates,
        frozen=headline is None,
        scene_cuts=_scene_cuts(squared),
        motion_ref=motion_ref,
        temporal_consistency=headline,
        reason=reason,
        backend=backend,
    )


def measure_motion(frames: Frames, fps: float) -> float:
    """The `motion_score` of `measure_temporal` alone; same arguments, same errors."""
    _check(frames, fps, None)
    dis, _ = _new_flow()
    return _steady_motion(*_follow(dis, _working_copy(frames).grey), fps)


def _check(frames: Frames, fps: float, motion_ref: float | None) -> None:
    shape = tuple(frames.shape)
    if frames.ndim != 4 or shape[3] != 3 or frames.dtype != np.uint8:
        raise FootageError(
            "bad_shape", f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {list(shape)}"
        )
    if shape[0] < 2:
        raise FootageError("too_few_frames", f"{shape[0]} frame(s) have no motion to measure")
    if min(shape[1:3]) < MIN_SIDE:
        raise FootageError("bad_shape", f"frames of {shape[1]}x{shape[2]} pixels are too small")
    if not (math.isfinite(fps) and fps > 0):
        raise FootageError("bad_rate", f"the frame rate must be above zero, not {fps}")
    if motion_ref is not None and not (math.isfinite(motion_ref) and motion_ref > 0):
        raise FootageError("bad_rate", f"motion_ref must be above zero or null, not {motion_ref}")


def _headline(
    consistency: float, motion: float, motion_ref: float | None, static: bool, duplicates: float
) -> tuple[float | None, str]:
    """The headline, null when the clip is frozen, and a sentence saying why."""
    if duplicates > DUPLICATE_SHARE:
        return None, f"The clip is frozen: {duplicates:.0%} of its frames repeat the one before."
    if static:
        return None, "The clip is frozen: VBench's static filter finds no motion in it."
    if motion_ref is None:
        return consistency, "Motion-compensated consistency alone: no motion reference was given."
    share = min(1.0, motion / motion_ref)
    if share == 1.0:
        return consistency, "The clip moves as much as the reference, so consistency counts fully."
    return consistency * share, f"The clip moves only {share:.0%} as much as the reference."


def _new_flow() -> tuple[cv2.DISOpticalFlow, str]:
    """DIS at its medium preset (Kroeger et al. 2016, arXiv 1603.03590), and its version."""
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return flow, f"opencv-dis {cv2.__version__}"


def _working_copy(frames: Frames) -> _Clip:
    """Resize [T,H,W,3] to a shorter side of WORKING_SIDE: by area down, bilinear up."""
    import cv2

    height, width = frames.shape[1:3]
    scale = WORKING_SIDE / min(height, width)
    size = (max(WORKING_SIDE, round(width * scale)), max(WORKING_SIDE, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = [cv2.resize(np.ascontiguousarray(frame), size, interpolation=how) for frame in frames]
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small])
    return _Clip(np.stack(small).astype(np.float32) / np.float32(255), grey.astype(np.uint8))


def _flow(dis: cv2.DISOpticalFlow, start: NDArray[np.uint8], end: NDArray[np.uint8]) -> Field:
    """Where each pixel of `start` [h,w] goes in `end`: [h,w,2] in x, y pixels."""
    return np.asarray(dis.calc(start, end, None), dtype=np.float32)


def _follow(
    dis: cv2.DISOpticalFlow, grey: NDArray[np.uint8]
) -> tuple[list[Field], list[Field], list[tuple[Mask, Mask]]]:
    """Forward and backward flow of each pair of frames [T,h,w], and `_agreement` of the two."""
    forward = [_flow(dis, a, b) for a, b in pairwise(grey)]
    backward = [_flow(dis, b, a) for a, b in pairwise(grey)]
    return forward, backward, [_agreement(f, b) for f, b in zip(forward, backward, strict=True)]


def _steady_motion(
    forward: Sequence[Field],
    backward: Sequence[Field],
    masks: Sequence[tuple[Mask, Mask]],
    fps: float,
) -> float:
    """Mean over pairs of the fastest pixels' steady speed, in shorter sides a second."""
    agreed = [mask for mask, _ in masks]
    pairs = range(len(forward))
    steady = [_top_mean(_continued(forward, backward, agreed, t), 0.05) for t in pairs]
    return float(np.mean(steady)) / WORKING_SIDE * fps


def _speed(flow: Field) -> Field:
    return np.asarray(np.hypot(flow[..., 0], flow[..., 1]), dtype=np.float32)


def _top_mean(values: Field, share: float) -> float:
    """Mean of the largest `share` of the values."""
    flat = values.ravel()
    count = max(1, int(flat.size * share))
    return float(np.partition(flat, flat.size - count)[-count:].mean())


def _sample(image: Field, flow: Field) -> tuple[Field, Mask]:
    """`image` [h,w,C] read where `flow` [h,w,2] points, and where that lies inside the frame."""
    import cv2

    height, width = flow.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    read = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, dtype=np.float32), inside


def _agreement(forward: Field, backward: Field) -> tuple[Mask, Mask]:
    """Where forward and backward flow of a pair agree, and where forward stays inside the frame.

    They disagree, by occlusion or failure, if |F + B(warped)|^2 > 0.01 (|F|^2 + |B(warped)|^2) +
    0.5 (Sundaram et al. 2010).
    """
    back, inside = _sample(backward, forward)
    mismatch = np.square(forward + back).sum(-1)
    allowed = 0.01 * (np.square(forward).sum(-1) + np.square(back).sum(-1)) + 0.5
    return inside & (mismatch <= allowed), inside


def _warp_error(
    start: Field, end: Field, flow: Field, agreed: Mask, inside: Mask
) -> tuple[float, float]:
    """Mean squared and mean absolute error (0..1) of a pair after motion compensation."""
    valid = agreed
    if agreed.mean() < TRUSTED_SHARE:
        valid = inside if inside.any() else np.ones_like(inside)
    error = (start - _sample(end, flow)[0])[valid]
    return float(np.square(error).mean()), float(np.abs(error).mean())


def _continued(
    forward: Sequence[Field], backward: Sequence[Field], agreed: Sequence[Mask], t: int
) -> Field:
    """Speed [h,w] of pair `t` where its flow is trusted and both neighbouring pairs carry it on,
    averaged over SMOOTHING, so that the fastest pixels aren't those with the most flow noise.

    The motion that led to a pixel is minus the backward flow of the pair before; the motion that
    goes on is the next pair's flow read where the pixel lands. Clip ends have one neighbour.
    """
    import cv2

    flow = forward[t]
    speed = _speed(flow)
    credit = np.where(agreed[t], speed, np.float32(0))
    neighbours = [] if t == 0 else [-backward[t - 1]]
    if t + 1 < len(forward):
        neighbours.append(_sample(forward[t + 1], flow)[0])
    for other in neighbours:
        along = (flow * other).sum(-1) / np.maximum(speed, np.float32(1e-6))
        credit = np.minimum(credit, np.maximum(along, 0))
    return np.asarray(cv2.blur(credit, (SMOOTHING, SMOOTHING)), dtype=np.float32)


def _is_dynamic(dis: cv2.DISOpticalFlow, clip: _Clip, fps: float) -> bool:
    """VBench's rule at about 8 frames a second, with DIS in place of RAFT."""
    grey = clip.grey[:: max(1, round(fps / 8))]
    limit = 6.0 * max(1.0, 8.0 / fps) * WORKING_SIDE / 256
    needed = max(1, round(4 * len(grey) / 16))
    return (
        sum(_top_mean(_speed(_flow(dis, a, b)), 0.05) > limit for a, b in pairwise(grey)) >= needed
    )


def _is_static(dis: cv2.DISOpticalFlow, clip: _Clip, forward: Sequence[Field]) -> bool:
    """VBench's static filter: few pairs move, and first and last frame are near each other."""
    limit = 3.0 * WORKING_SIDE / 256
    count = round(2 * len(clip.grey) / 16)
    if sum(_top_mean(_speed(flow), 0.02) > limit for flow in forward) > count:
        return False
    first, last = clip.grey[0], clip.grey[-1]
    ends = (_flow(dis, first, last), _flow(dis, last, first))
    return all(_top_mean(_speed(flow), 0.02) <= limit * count * 2 for flow in ends)


def _scene_cuts(squared: Sequence[float]) -> int:
    """How many pairs have a warp error that neither motion nor flicker explains."""
    limit = max(CUT_ERROR, CUT_RATIO * float(np.median(squared)))
    return sum(error > limit for error in squared)
