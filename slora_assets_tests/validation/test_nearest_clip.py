"""Which training clip a sample is nearest to and whether it is a copy, on rendered footage."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.config.errors import CurationError, FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.encode import write_mp4
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_clip
from slora_assets.validation.metrics.nearest_clip import (
    LIMIT,
    TrainingClip,
    TrainingFootage,
    nearest_clips,
)

Frames: TypeAlias = NDArray[np.uint8]

SCENARIO = "market_floor"
CLIPS = 8


@cache
def plan(number: int, source: int) -> ClipPlan:
    return plan_clip(0, number, SCENARIO, source, alone=1.0)


@cache
def film(number: int, source: int, start: int = 0, count: int = 9) -> Frames:
    """Frames `start` on of a clip [count, 64, 96, 3] at 8 fps."""
    return small_frames(plan(number, source), 0, [(start + t) / 8 for t in range(count)])


def training(count: int = CLIPS) -> list[TrainingClip]:
    """Clips 0, 1, ..., of which two and two are cut from one source."""
    return [TrainingClip(f"clip{n}", f"source{n // 2}", film(n, n // 2)) for n in range(count)]


@pytest.fixture(scope="module")
def footage() -> TrainingFootage:
    return TrainingFootage(training())


def held(frames: Frames, index: int) -> Frames:
    """A sample that stands still."""
    return np.repeat(frames[index : index + 1], len(frames), axis=0)


def test_a_training_clip_itself_is_a_copy_and_is_named(footage: TrainingFootage) -> None:
    for number in range(CLIPS):
        found = footage.nearest(film(number, number // 2))
        assert (found.clip_id, found.copied, found.evidence) == (f"clip{number}", True, "motion")
        assert found.similarity == pytest.approx(1, abs=1e-3)
        assert (found.shift, found.mirrored) == (0, False)


@pytest.mark.parametrize("shift", [-3, 1, 4])
def test_a_training_clip_that_begins_earlier_or_later_is_found(
    footage: TrainingFootage, shift: int
) -> None:
    found = footage.nearest(film(2, 1, start=shift))
    assert (found.clip_id, found.copied, found.shift) == ("clip2", True, shift)


def test_a_mirrored_training_clip_is_found(footage: TrainingFootage) -> None:
    found = footage.nearest(np.ascontiguousarray(film(3, 1)[:, :, ::-1]))
    assert (found.clip_id, found.copied, found.mirrored) == ("clip3", True, True)


def test_a_training_clip_that_was_cut_to_a_side_and_darkened_is_found(
    footage: TrainingFootage,
) -> None:
    part = film(4, 2)[:, 3:, :92]
    cut = np.stack([cv2.resize(np.ascontiguousarray(one), (96, 64)) for one in part])
    found = footage.nearest((cut * 0.85).astype(np.uint8))
    assert (found.clip_id, found.copied) == ("clip4", True)


def test_a_training_clip_through_the_base_s_autoencoder_and_a_file_is_found(
    footage: TrainingFootage, tmp_path: Path
) -> None:
    base = open_base(MINIATURE, Workspace.from_environment().models)
    drawn = base.through_vae(base.load_vae("cpu"), film(5, 2, start=2))
    write_mp4(tmp_path / "sample.mp4", drawn, 8)
    read = decode_clip(tmp_path / "sample.mp4", frames=9, width=96, height=64, fps=8)
    found = footage.nearest(read)
    assert (found.clip_id, found.copied, found.shift) == ("clip5", True, 2)


def test_clips_nobody_trained_on_are_no_copies_even_before_a_training_clip_s_background(
    footage: TrainingFootage,
) -> None:
    for number in range(100, 124):
        found = footage.nearest(film(number, source=number % 4))
        assert not found.copied, number
        assert found.similarity < found.limit


def test_a_place_without_a_subject_is_no_copy(footage: TrainingFootage) -> None:
    empty = replace(plan(0, 0), actors=())
    assert not footage.nearest(small_frames(empty, 0, [t / 8 for t in range(9)])).copied


def test_the_same_way_in_another_colour_is_no_copy(footage: TrainingFootage) -> None:
    actor = plan(0, 0).actors[0]
    assert actor.colour == "green"
    other = replace(plan(0, 0), actors=(replace(actor, tint=(214, 48, 44)),))
    frames = small_frames(other, 0, [t / 8 for t in range(9)])
    assert not footage.nearest(frames).copied


@pytest.mark.parametrize("x, y", [(0.03, 0), (0, 0.03), (-0.03, 0)])
def test_the_same_subject_two_pixels_beside_its_way_is_no_copy(
    footage: TrainingFootage, x: float, y: float
) -> None:
    actor = plan(0, 0).actors[0]
    other = replace(plan(0, 0), actors=(replace(actor, x=actor.x + x, y=actor.y + y),))
    frames = small_frames(other, 0, [t / 8 for t in range(9)])
    assert not footage.nearest(frames).copied


def test_noise_is_no_copy(footage: TrainingFootage) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 64, 96, 3), dtype=np.uint8)
    assert not footage.nearest(noise).copied


def test_a_sample_of_another_length_and_size_is_compared_all_the_same() -> None:
    clips = [TrainingClip("long", "a", film(0, 0, count=20)), *training()[2:]]
    part = film(0, 0, start=7, count=7)
    large = np.stack([cv2.resize(one, (192, 128)) for one in part])
    (found,) = nearest_clips([large], clips)
    assert (found.clip_id, found.copied, found.shift) == ("long", True, 7)


def test_a_sample_longer_than_the_training_clip_that_it_holds_is_found(
    footage: TrainingFootage,
) -> None:
    found = footage.nearest(film(6, 3, start=-5, count=20))
    assert (found.clip_id, found.copied, found.shift) == ("clip6", True, -5)


def test_a_frozen_sample_is_a_copy_if_it_is_a_training_clip_s_frame(
    footage: TrainingFootage,
) -> None:
    found = footage.nearest(held(film(1, 0), 4))
    assert (found.clip_id, found.copied, found.evidence) == ("clip1", True, "frame")
    assert found.shift == 4
    found = footage.nearest(held(film(101, source=1), 4))
    assert (found.copied, found.evidence) == (False, "frame")


def test_one_frame_is_compared_as_a_sample_that_stands_still(footage: TrainingFootage) -> None:
    found = footage.nearest(film(7, 3)[2:3])
    assert (found.clip_id, found.copied, found.evidence) == ("clip7", True, "frame")


def test_a_frozen_training_clip_is_found_and_does_not_stand_for_moving_ones() -> None:
    clips = [TrainingClip("still", "a", held(film(0, 0), 0)), *training()[2:]]
    still, moving = nearest_clips([held(film(0, 0), 0), film(0, 0)], clips)
    assert (still.clip_id, still.copied) == ("still", True)
    assert not moving.copied


def test_one_training_clip_alone_says_nothing_of_distinct_footage_and_the_fixed_limit_holds() -> (
    None
):
    footage = TrainingFootage(training(1))
    assert footage.calibration.least_distance is None
    assert footage.calibration.limit == LIMIT
    assert footage.nearest(film(0, 0, start=2)).copied
    assert not footage.nearest(film(100, 0)).copied


def test_clips_of_one_source_say_nothing_of_distinct_footage() -> None:
    assert TrainingFootage(training(2)).calibration.least_distance is None


def test_distinct_clips_that_come_near_each_other_make_the_limit_stricter() -> None:
    actor = plan(0, 0).actors[0]
    twin = replace(plan(0, 0), actors=(replace(actor, x=actor.x + 0.006),))
    frames = small_frames(twin, 0, [t / 8 for t in range(9)])
    footage = TrainingFootage([*training(), TrainingClip("twin", "another", frames)])
    assert footage.calibration.least_distance is not None
    assert footage.calibration.limit < LIMIT
    assert footage.nearest(frames).clip_id == "twin"
    assert footage.nearest(film(0, 0)).clip_id == "clip0"


def test_a_clip_that_was_published_twice_is_named_and_does_not_make_the_limit_stricter(
    footage: TrainingFootage,
) -> None:
    again = TrainingFootage([*training(), TrainingClip("again", "another", film(0, 0))])
    assert again.calibration.same_footage == (("again", "clip0"),)
    assert again.calibration.limit == footage.calibration.limit
    assert again.nearest(film(0, 0)).copied


def test_equal_samples_get_equal_answers(footage: TrainingFootage) -> None:
    assert footage.nearest(film(100, 0)) == footage.nearest(film(100, 0))


def test_without_training_clips_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(CurationError, match="no training clip"):
        nearest_clips([film(0, 0)], [])


@pytest.mark.parametrize(
    "frames",
    [film(0, 0).astype(np.float32), film(0, 0)[0], film(0, 0)[:0], film(0, 0)[..., :1]],
    ids=["floats", "a picture", "no frames", "grey"],
)
def test_what_is_no_clip_is_refused(footage: TrainingFootage, frames: Frames) -> None:
    with pytest.raises(FootageError, match="uint8") as raised:
        footage.nearest(frames)
    assert raised.value.reason == "bad_shape"
    with pytest.raises(FootageError, match="uint8"):
        TrainingFootage([TrainingClip("spoilt", "a", frames)])
