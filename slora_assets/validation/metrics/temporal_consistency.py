"""How steady a clip is over time: RGB frames in, warp errors, motion, frozen and cut flags out.

Pure and deterministic (DIS optical flow on the CPU); the score of a frozen clip is null, never 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from slora_assets.config.errors import FootageError
from slora_assets.validation.metrics.motion import Motion, measure_flows
from slora_assets.validation.metrics.optical_flow import (
    WORKING_SIDE,
    Field,
    Flows,
    Frames,
    WorkingClip,
    flow_between,
    follow,
    new_flow,
    read_along,
    speed_of,
    top_mean,
    working_clip,
)

if TYPE_CHECKING:
    import cv2

MIN_SIDE = 8
"""Shorter sides than this, in pixels, hold nothing a flow could follow."""

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
    motion_speed: float
    """Of the moving region, in shorter sides per second."""
    moving_share: float
    """Of the frame that moves, 0..1."""
    motion_jitter: float
    """Mean change of velocity along the way, in shorter sides per second; lower is better."""
    top_flow: float
    """VBench's: mean of the fastest 5 % of pixels, steady or not, in shorter sides per second."""
    dynamic: bool
    """VBench's dynamic degree."""
    static: bool
    """VBench's static filter."""
    duplicate_share: float
    """Share of the frame pairs whose frames are the same within 1/255."""
    frozen: bool
    scene_cuts: int
    motion_ref: float | None
    """What motion_speed was held against; null: the headline is mc_consistency alone."""
    temporal_consistency: float | None
    """The headline, 0..1, higher is better; null for a frozen clip."""
    reason: str
    """Why the headline is what it is, as a sentence."""
    backend: str


def measure_temporal(frames: Frames, fps: float, motion_ref: float | None = None) -> TemporalScore:
    """Measure one clip.

    `frames` are RGB [T, H, W, 3], `fps` frames per second as shown, `motion_ref` the
    motion_speed (shorter sides per second) that counts as enough motion, say that of the scenario's
    held-out footage measured by this function.

    Headline: mc_consistency * min(1, motion_speed / motion_ref). Warp error as in EvalCrafter's
    family (Lai et al. 2018, arXiv 1808.00449), over non-occluded pixels.
    Dynamic degree and static filter: Vchitect/VBench:vbench/dynamic_degree.py, :static_filter.py.

    Raises FootageError with reason `bad_shape`, `too_few_frames` or `bad_rate`.
    """
    _check(frames, fps, motion_ref)
    dis, backend = new_flow()
    clip = working_clip(frames)
    flows = follow(dis, clip.grey, fps)
    squared, absolute = zip(*_warp_errors(clip.rgb, flows), strict=True)
    raw = [top_mean(speed_of(flow), 0.05) for flow in flows.forward]
    duplicates = float(np.mean(np.abs(np.diff(clip.rgb, axis=0)).mean((1, 2, 3)) < DUPLICATE_MAE))
    static = _is_static(dis, clip, flows.forward)
    consistency = 1.0 - float(np.mean(absolute))
    motion = measure_flows(flows, clip.grey, fps)
    headline, reason = _headline(consistency, motion.speed, motion_ref, static, duplicates)
    return TemporalScore(
        warp_error_mean=float(np.mean(squared)),
        warp_error_p95=float(np.percentile(squared, 95)),
        warp_error_max=float(np.max(squared)),
        mc_consistency=consistency,
        motion_speed=motion.speed,
        moving_share=motion.share,
        motion_jitter=motion.jitter,
        top_flow=float(np.mean(raw)) / WORKING_SIDE * fps,
        dynamic=_is_dynamic(dis, clip, flows.forward, fps),
        static=static,
        duplicate_share=duplicates,
        frozen=headline is None,
        scene_cuts=_scene_cuts(squared),
        motion_ref=motion_ref,
        temporal_consistency=headline,
        reason=reason,
        backend=backend,
    )


def held_against(score: TemporalScore, motion_ref: float | None) -> TemporalScore:
    """The same measurement with its headline held against another reference of motion."""
    headline, reason = _headline(
        score.mc_consistency, score.motion_speed, motion_ref, score.static, score.duplicate_share
    )
    return score.model_copy(
        update={"motion_ref": motion_ref, "temporal_consistency": headline, "reason": reason}
    )


def measure_motion(frames: Frames, fps: float) -> Motion:
    """The motion of `measure_temporal` alone; same arguments, same errors."""
    _check(frames, fps, None)
    dis, _ = new_flow()
    grey = working_clip(frames).grey
    return measure_flows(follow(dis, grey, fps), grey, fps)


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
    if share >= 0.995:  # would be told as 100 %
        return consistency * share, "The clip moves a little less than the reference."
    return consistency * share, f"The clip moves only {share:.0%} as much as the reference."


def _warp_errors(rgb: Field, flows: Flows) -> list[tuple[float, float]]:
    """Mean squared and mean absolute error (0..1) of each pair after motion compensation."""
    errors = []
    for start, end, flow, agreed, inside in zip(
        rgb[:-1], rgb[1:], flows.forward, flows.agreed, flows.inside, strict=True
    ):
        valid = agreed
        if agreed.mean() < TRUSTED_SHARE:
            valid = inside if inside.any() else np.ones_like(inside)
        error = (start - read_along(end, flow)[0])[valid]
        errors.append((float(np.square(error).mean()), float(np.abs(error).mean())))
    return errors


def _is_dynamic(
    dis: cv2.DISOpticalFlow, clip: WorkingClip, forward: Sequence[Field], fps: float
) -> bool:
    """VBench's rule at about 8 frames per second, with DIS in place of RAFT."""
    every = max(1, round(fps / 8))
    grey = clip.grey[::every]
    flows = forward if every == 1 else [flow_between(dis, a, b) for a, b in pairwise(grey)]
    limit = 6.0 * max(1.0, 8.0 / fps) * WORKING_SIDE / 256
    needed = max(1, round(4 * len(grey) / 16))
    return sum(top_mean(speed_of(flow), 0.05) > limit for flow in flows) >= needed


def _is_static(dis: cv2.DISOpticalFlow, clip: WorkingClip, forward: Sequence[Field]) -> bool:
    """VBench's static filter: few pairs move, and first and last frame are near each other."""
    limit = 3.0 * WORKING_SIDE / 256
    count = round(2 * len(clip.grey) / 16)
    if sum(top_mean(speed_of(flow), 0.02) > limit for flow in forward) > count:
        return False
    first, last = clip.grey[0], clip.grey[-1]
    ends = (flow_between(dis, first, last), flow_between(dis, last, first))
    return all(top_mean(speed_of(flow), 0.02) <= limit * count * 2 for flow in ends)


def _scene_cuts(squared: Sequence[float]) -> int:
    """How many pairs have a warp error that neither motion nor flicker explains."""
    limit = max(CUT_ERROR, CUT_RATIO * float(np.median(squared)))
    return sum(error > limit for error in squared)
