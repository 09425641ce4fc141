"""What the temporal score promises, on synthetic clips whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import av
import cv2
import numpy as np
import pytest

from slora_assets.config.errors import FootageError
from slora_assets.validation.metrics.temporal_consistency import (
    TemporalScore,
    measure_motion,
    measure_temporal,
)
from slora_assets_tests.validation.moving import (
    Clip,
    cut,
    flickering,
    frozen,
    half_reversed,
    noisy,
    pan,
    shuffled,
    texture,
)

Damage: TypeAlias = Callable[[Clip], Clip]

FPS = 8.0
MOTION_REF = 0.1
"""Below the speed of every clip that moves here, so that each moves enough."""


DAMAGES = [frozen, flickering, cut, shuffled, half_reversed]


def headline(score: TemporalScore) -> float:
    """Null counts as nothing, as it does in selection."""
    return score.temporal_consistency or 0.0


def _long_pan() -> Clip:
    return pan(5, count=17, height=240, width=320)


@cache
def long_clip() -> TemporalScore:
    return measure_temporal(_long_pan(), FPS, MOTION_REF)


@cache
def sound(step: int, seed: int) -> TemporalScore:
    return measure_temporal(pan(step, seed=seed), FPS, MOTION_REF)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_never_steadier_nor_more_even(damage: Damage, step: int, seed: int) -> None:
    before = sound(step, seed)
    after = measure_temporal(damage(pan(step, seed=seed)), FPS, MOTION_REF)
    assert before.motion_speed > MOTION_REF
    assert headline(after) <= headline(before) + 1e-4
    if not after.frozen:
        assert after.mc_consistency <= before.mc_consistency + 1e-4
        assert after.motion_jitter > 5 * before.motion_jitter


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_heavy_noise_costs_steadiness_and_hardly_changes_speed(seed: int) -> None:
    before = sound(1, seed)
    after = measure_temporal(noisy(pan(1, seed=seed)), FPS, MOTION_REF)
    assert after.mc_consistency < before.mc_consistency - 0.01
    assert after.motion_speed == pytest.approx(before.motion_speed, rel=0.25)
    assert headline(after) < headline(before)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_never_steadier_nor_more_even_in_a_long_clip(damage: Damage) -> None:
    before, after = long_clip(), measure_temporal(damage(_long_pan()), FPS, MOTION_REF)
    assert headline(after) <= headline(before) + 1e-4
    assert after.frozen or after.motion_jitter > 5 * before.motion_jitter


def test_a_frozen_clip_has_no_score_and_says_why() -> None:
    score = measure_temporal(frozen(pan()), FPS)
    assert score.frozen and score.static and score.duplicate_share == 1
    assert score.temporal_consistency is None
    assert "repeat" in score.reason


def test_noise_does_not_unfreeze_a_clip() -> None:
    score = measure_temporal(noisy(frozen(pan(2, 17, 240, 320))), FPS)
    assert score.duplicate_share == 0
    assert score.frozen and score.temporal_consistency is None
    assert "static filter" in score.reason


def test_a_perfect_pan_is_measured_as_what_it_is() -> None:
    score = measure_temporal(pan(3, height=64), FPS)
    assert score.mc_consistency > 0.999
    assert score.warp_error_max < 1e-4
    assert score.motion_speed == pytest.approx(3 / 64 * FPS, rel=0.02)
    assert score.temporal_consistency == score.mc_consistency
    assert score.motion_ref is None and "no motion reference" in score.reason
    assert (score.frozen, score.scene_cuts, score.dynamic) == (False, 0, True)
    assert score.backend == f"opencv-dis {cv2.__version__}"


@pytest.mark.parametrize("clip", [pan(3), noisy(pan(1)), cut(pan()), frozen(pan())])
def test_motion_alone_is_the_motion_of_the_whole_measurement(clip: Clip) -> None:
    whole = measure_temporal(clip, FPS)
    assert measure_motion(clip, FPS) == (
        whole.motion_speed,
        whole.moving_share,
        whole.motion_jitter,
    )


def test_less_motion_than_the_reference_counts_in_proportion() -> None:
    clip = pan(3)
    motion = measure_temporal(clip, FPS).motion_speed
    score = measure_temporal(clip, FPS, motion_ref=2 * motion)
    assert score.temporal_consistency == pytest.approx(score.mc_consistency / 2)
    enough = measure_temporal(clip, FPS, motion_ref=motion / 2)
    assert enough.temporal_consistency == enough.mc_consistency


def test_a_hard_cut_is_counted_and_flicker_is_not() -> None:
    assert measure_temporal(cut(pan()), FPS).scene_cuts == 1
    assert measure_temporal(flickering(pan()), FPS).scene_cuts == 0


def test_shuffled_frames_carry_each_other_on_in_less_of_the_picture() -> None:
    """VBench's measure rises; what a neighbouring pair doesn't carry on is no moving region."""
    even, jumbled = sound(1, 0), measure_temporal(shuffled(pan(1)), FPS)
    assert jumbled.top_flow > 2 * even.top_flow
    assert jumbled.moving_share < 0.7 * even.moving_share
    assert jumbled.motion_jitter > 100 * even.motion_jitter


def test_a_moving_object_is_motion() -> None:
    clip = np.repeat(texture(64, 96, 5)[None], 9, axis=0)
    thing = texture(24, 24, 6)
    for t, frame in enumerate(clip):
        frame[20:44, 8 + 4 * t : 32 + 4 * t] = thing
    score = measure_temporal(clip, FPS)
    assert not score.frozen
    assert score.motion_speed == pytest.approx(4 / 64 * FPS, rel=0.1)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_score_does_not_depend_on_resolution(scale: int) -> None:
    clip = pan(3)
    large = np.stack([cv2.resize(f, None, fx=scale, fy=scale) for f in clip])
    one, other = (measure_temporal(c, FPS, MOTION_REF) for c in (clip, large))
    assert headline(other) == pytest.approx(headline(one), rel=0.01)
    assert other.motion_speed == pytest.approx(one.motion_speed, rel=0.01)


def test_the_score_survives_h264_at_crf_18(tmp_path: Path) -> None:
    clip = pan(4, count=9, height=240, width=320)
    with av.open(tmp_path / "clip.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"crf": "18"})
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    with av.open(tmp_path / "clip.mp4") as container:
        decoded = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    one, other = (measure_temporal(c, FPS, MOTION_REF) for c in (clip, decoded))
    assert headline(other) == pytest.approx(headline(one), rel=0.01)


def test_frame_rate_scales_motion_and_leaves_consistency() -> None:
    one, other = (measure_temporal(pan(3), fps) for fps in (8.0, 24.0))
    assert other.motion_speed == pytest.approx(3 * one.motion_speed)
    assert one.temporal_consistency is not None
    assert other.temporal_consistency == pytest.approx(one.temporal_consistency, abs=1e-4)


def test_half_the_frames_at_half_the_rate_move_as_much() -> None:
    clip = pan(2, count=17)
    one, other = measure_temporal(clip, 16.0), measure_temporal(clip[::2], 8.0)
    assert other.motion_speed == pytest.approx(one.motion_speed, rel=0.02)


def test_measuring_twice_gives_the_same_bytes() -> None:
    clip = noisy(pan())
    first, second = (measure_temporal(clip, FPS).model_dump_json() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 64, 96, 3), "too_few_frames"),
        ((0, 64, 96, 3), "too_few_frames"),
        ((9, 64, 96), "bad_shape"),
        ((9, 64, 96, 4), "bad_shape"),
        ((9, 4, 96, 3), "bad_shape"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(FootageError) as caught:
        measure_temporal(np.zeros(shape, dtype=np.uint8), FPS)
    assert caught.value.reason == reason


def test_floats_are_refused() -> None:
    with pytest.raises(FootageError, match="float32"):
        measure_temporal(np.zeros((9, 64, 96, 3), dtype=np.float32), FPS)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fps", "motion_ref"), [(0.0, None), (float("nan"), None), (8.0, 0.0)])
def test_rates_must_be_positive(fps: float, motion_ref: float | None) -> None:
    with pytest.raises(FootageError) as caught:
        measure_temporal(pan(), fps, motion_ref)
    assert caught.value.reason == "bad_rate"


@pytest.mark.parametrize("count", [2, 3])
def test_the_shortest_clips_are_measured(count: int) -> None:
    score = measure_temporal(pan(3, count), FPS)
    assert score.motion_speed == pytest.approx(3 / 64 * FPS, rel=0.1)
