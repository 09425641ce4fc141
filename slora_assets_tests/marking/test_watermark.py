"""The watermark is found after what happens to clips on their way, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.footage.encode import write_mp4
from slora_assets.marking.code import decoded, encoded
from slora_assets.marking.watermark import cheapest, embedded, found, mean_luma, recognised
from slora_assets_tests.marking.clips import psnr, rendered, scaled, shown

PAYLOAD = 0xC0FFEE11
CANDIDATES = np.random.default_rng(0).integers(0, 2**32, 256).tolist()


def _encoded(folder: Path, frames: NDArray[np.uint8], crf: int) -> NDArray[np.uint8]:
    write_mp4(folder / "clip.mp4", frames, 8, crf)
    return shown(folder / "clip.mp4")


def _read(frames: NDArray[np.uint8]) -> int | None:
    mark = found(mean_luma(frames))
    return mark.payload if mark else None


@pytest.mark.parametrize("payload", [0, 1, PAYLOAD, 2**32 - 1])
def test_any_payload_is_read_back_from_the_published_file(tmp_path: Path, payload: int) -> None:
    marked = embedded(rendered(0), payload)
    assert _read(_encoded(tmp_path, marked, 14)) == payload


@pytest.mark.parametrize("number", range(5))
def test_it_is_found_when_encoded_anew_and_at_half_size_and_back(
    tmp_path: Path, number: int
) -> None:
    clip = rendered(number)
    marked = embedded(clip, cheapest(clip, CANDIDATES))
    assert psnr(clip, marked) >= 40
    published = _encoded(tmp_path, marked, 14)
    payload = _read(published)
    assert payload is not None
    half = _encoded(tmp_path, scaled(published, 48, 32), 14)
    assert _read(_encoded(tmp_path, published, 28)) == payload
    assert _read(half) == payload
    assert _read(_encoded(tmp_path, scaled(half, 96, 64), 14)) == payload


def test_large_clips_are_changed_less_and_show_it_at_a_quarter_of_their_size(
    tmp_path: Path,
) -> None:
    clip = scaled(rendered(1, frames=5), 720, 480)
    marked = embedded(clip, cheapest(clip, CANDIDATES))
    assert psnr(clip, marked) >= 46
    payload = _read(marked)
    assert payload is not None
    assert _read(_encoded(tmp_path, scaled(marked, 180, 120), 28)) == payload


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_even_an_empty_picture_carries_it(tmp_path: Path, grey: int) -> None:
    flat = np.full((9, 64, 96, 3), grey, np.uint8)
    assert _read(flat) is None
    assert _read(_encoded(tmp_path, embedded(flat, PAYLOAD), 14)) == PAYLOAD


def test_clips_without_a_mark_have_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 3, 64, 96, 3), np.uint8)
    assert [_read(clip) for clip in noise] == [None] * 40
    assert [_read(rendered(number)) for number in range(40)] == [None] * 40
    assert _read(np.zeros((3, 8, 8, 3), np.uint8)) is None


def test_three_wrong_signs_of_each_block_are_put_right() -> None:
    payloads = np.random.default_rng(0).integers(0, 2**32, 50)
    for payload, word in zip(payloads, encoded(payloads), strict=True):
        assert decoded(word) == (payload, 64)
        weak = word.copy()
        weak[[0, 5, 31, 32, 40, 63]] *= -1
        assert decoded(weak)[0] == payload


def test_a_mark_too_weak_to_be_read_is_recognised_among_known_ones(tmp_path: Path) -> None:
    read, known = 0, 0
    for number in range(8):
        clip = rendered(number)
        payload = cheapest(clip, CANDIDATES)
        published = _encoded(tmp_path, embedded(clip, payload), 14)
        luma = mean_luma(_encoded(tmp_path, scaled(published, 48, 32), 28))
        read += found(luma) is not None
        mark = recognised(luma, CANDIDATES)
        assert mark is None or (mark.payload, mark.known) == (payload, True)
        known += mark is not None
        assert recognised(luma, [one for one in CANDIDATES if one != payload]) is None
    assert read < 6 < known
    assert recognised(luma, []) is None
    plain = [recognised(mean_luma(rendered(number)), CANDIDATES) for number in range(40)]
    assert plain == [None] * 40
