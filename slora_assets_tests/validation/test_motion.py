"""Speed, share and jitter of clips of which all three are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from slora_assets.validation.metrics.motion import Motion
from slora_assets.validation.metrics.temporal_consistency import measure_motion
from slora_assets_tests.validation.moving import (
    Clip,
    crossing,
    flickering,
    frozen,
    pan,
    plain,
    shaking,
    shuffled,
    texture,
)

FPS, HEIGHT, WIDTH = 8.0, 64, 96
SMALL, LARGE = (8, 6), (32, 3)
"""Side and pixels per frame: 1 % of the frame at 0.75 shorter sides per second, 17 % at 0.375."""
GROUNDS = {"texture": lambda: texture(HEIGHT, WIDTH, 5), "plain": lambda: plain(HEIGHT, WIDTH)}
Square = tuple[int, int]


def across(ground: str, square: Square) -> Clip:
    return crossing(GROUNDS[ground](), *square)


@cache
def measured(ground: str, square: Square) -> Motion:
    return measure_motion(across(ground, square), FPS)


def true_speed(square: Square) -> float:
    return square[1] / HEIGHT * FPS


@pytest.mark.parametrize(
    ("ground", "square"), [("texture", SMALL), ("plain", SMALL), ("plain", LARGE)]
)
def test_a_thing_has_its_own_speed_however_small_or_plain_it_is(
    ground: str, square: Square
) -> None:
    assert measured(ground, square).speed == pytest.approx(true_speed(square), rel=0.1)


def test_a_large_plain_thing_over_a_texture_is_measured_up_to_a_third_too_slow() -> None:
    """Nothing inside of it says how far it went, and the ground that it hides pulls at its
    edges."""
    found, true = measured("texture", LARGE).speed, true_speed(LARGE)
    assert 0.65 * true < found < 1.05 * true


def test_over_a_texture_the_share_is_that_of_the_thing() -> None:
    small, large = measured("texture", SMALL).share, measured("texture", LARGE).share
    assert small == pytest.approx(8 * 8 / (HEIGHT * WIDTH), rel=0.5)
    assert large == pytest.approx(32 * 32 / (HEIGHT * WIDTH), rel=0.5)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("square", [SMALL, LARGE], ids=["small", "large"])
def test_who_stands_half_of_the_time_is_half_as_fast(ground: str, square: Square) -> None:
    halting = across(ground, square)[[0, 1, 2, 3, 4, 4, 4, 4, 4]]
    half = measured(ground, square).speed / 2
    assert measure_motion(halting, FPS).speed == pytest.approx(half, rel=0.1)


@pytest.mark.parametrize("ground", GROUNDS)
def test_frames_in_which_a_small_thing_falls_apart_slow_it_down_by_less_than_half(
    ground: str,
) -> None:
    whole, empty = across(ground, SMALL), GROUNDS[ground]()
    torn = whole.copy()
    for at in (3, 4, 5):
        scattered = np.random.default_rng(at).permuted(empty[28:36, 20:76], axis=1)
        torn[at, 28:36, 20:76] = (0.7 * scattered + 0.3 * whole[at, 28:36, 20:76]).astype(np.uint8)
    assert 0.6 * true_speed(SMALL) < measure_motion(torn, FPS).speed < 1.1 * true_speed(SMALL)


@pytest.mark.parametrize("damage", [shaking, shuffled, flickering])
@pytest.mark.parametrize("clip", [pan(3), across("texture", LARGE)], ids=["pan", "thing"])
def test_shaking_shuffling_and_flicker_raise_jitter_several_times_over(
    clip: Clip, damage: Callable[[Clip], Clip]
) -> None:
    even, damaged = (measure_motion(one, FPS).jitter for one in (clip, damage(clip)))
    assert damaged > 5 * even


@pytest.mark.parametrize("damage", [shaking, shuffled, flickering])
@pytest.mark.parametrize(("ground", "square"), [("texture", SMALL), ("plain", LARGE)])
def test_they_raise_it_also_where_little_shows_them(
    ground: str, square: Square, damage: Callable[[Clip], Clip]
) -> None:
    damaged = measure_motion(damage(across(ground, square)), FPS)
    assert damaged.jitter > 2 * measured(ground, square).jitter


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_frozen_clip_has_no_motion_at_all(ground: str) -> None:
    assert measure_motion(frozen(across(ground, LARGE)), FPS) == Motion(0, 0, 0)
