"""What the miniature's decoder draws is found after what happens to clips, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from slora_assets.footage.encode import write_mp4
from slora_assets.marking.drawn import DRAWN_BY, drawn
from slora_assets.marking.watermark import embedded, found, mean_luma
from slora_assets.miniature.weights.mark import mark_waves
from slora_assets_tests.marking.clips import generated, rendered, scaled, shown

CLIPS = range(3)


def _encoded(folder: Path, frames: NDArray[np.uint8], crf: int) -> NDArray[np.uint8]:
    write_mp4(folder / "clip.mp4", frames, 8, crf)
    return shown(folder / "clip.mp4")


def _is_found(frames: NDArray[np.uint8]) -> bool:
    return drawn(mean_luma(frames)) is not None


@pytest.mark.parametrize("number", CLIPS)
def test_it_is_in_every_clip_that_the_miniature_generates(tmp_path: Path, number: int) -> None:
    clip = generated(number)
    mark = drawn(mean_luma(clip))
    assert mark is not None
    assert mark.base == DRAWN_BY
    assert _is_found(_encoded(tmp_path, clip, 14))
    half = _encoded(tmp_path, scaled(clip, 48, 32), 14)
    assert _is_found(half)
    assert _is_found(_encoded(tmp_path, scaled(half, 96, 64), 14))


def test_the_watermark_of_a_published_clip_and_it_are_read_side_by_side() -> None:
    published = embedded(generated(0), 0xC0FFEE11)
    mark = found(mean_luma(published))
    assert mark is not None
    assert mark.payload == 0xC0FFEE11
    assert _is_found(published)


def test_clips_that_it_was_not_drawn_into_show_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (9, 64, 96, 3), np.uint8)
    blank = np.full((9, 64, 96, 3), 90, np.uint8)
    others = [rendered(number) for number in range(40)]
    others += [_encoded(tmp_path, others[0], 28), scaled(others[1], 48, 32), noise, blank]
    assert not any(map(_is_found, others))


def test_a_picture_too_small_to_show_it_is_no_error() -> None:
    assert not _is_found(scaled(generated(0), 12, 8))


def test_a_mirrored_or_turned_clip_is_another() -> None:
    assert not _is_found(generated(0)[:, :, ::-1])
    assert not _is_found(generated(0)[:, ::-1])


@pytest.mark.parametrize("number", CLIPS)
def test_how_likely_chance_shows_as_much_is_exact(number: int) -> None:
    """So many heads or more of so many coins."""
    mark = drawn(mean_luma(generated(number)))
    assert mark is not None
    expected = binom.sf(mark.agreeing - 1, mark.waves, 0.5)
    assert mark.chance == pytest.approx(expected, rel=1e-6)


def test_a_busy_half_of_the_picture_does_not_hide_what_the_plain_half_shows() -> None:
    """Adapters draw market stalls and crowds, where a wave of the picture is ten times the mark."""
    rng = np.random.default_rng(5)
    picture = np.full((64, 96), 128, np.float32)
    picture[:, :64] += rng.normal(0, 60, (64, 64))
    marked = mark_waves()
    waves = np.zeros(64 * 96, np.float32)
    waves[marked.places] = marked.signs
    assert drawn(picture) is None
    assert drawn(picture + np.asarray(cv2.idct(waves.reshape(64, 96)))) is not None
