"""Pictures in the event log are small, and still show what the files beside them do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slora_assets.defs import media
from slora_assets.footage.encode import write_mp4
from slora_assets_tests.defs.shown import EMBEDDED, Graph, is_small_copy, pictures

_BESIDE_PICTURES = 30_000
"""Characters that are enough for everything else that a materialization says."""


def test_the_event_log_holds_small_pictures_of_the_whole_graph(graph: Graph) -> None:
    for asset, metadata in graph.first.assets.items():
        texts = [str(value.value) for value in metadata.values()]
        embedded = sum(len(data) for text in texts for data in EMBEDDED.findall(text))
        assert embedded <= media.INLINE_LIMIT, asset
        assert graph.first.bytes_[asset] <= media.INLINE_LIMIT + _BESIDE_PICTURES, asset
        assert "data:image/png" not in str(texts), asset


def test_the_limits_of_one_materialization_stay_below_the_whole_one() -> None:
    clips = media.MOST_CLIPS * media.CLIP_LIMIT
    assert media.SHEET_LIMIT + clips + media.STRIP_LIMIT <= media.INLINE_LIMIT
    assert media.CURVES_LIMIT + clips <= media.INLINE_LIMIT


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip and a picture that nothing compresses well, as large as a real base's."""
    folder, random = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    write_mp4(folder / "clip.mp4", random.integers(0, 255, (5, 480, 720, 3), np.uint8), 8)
    picture = folder / "sheet.png"
    Image.fromarray(random.integers(0, 255, (960, 1180, 3), np.uint8)).save(picture)
    return folder / "clip.mp4", picture


def test_what_compresses_badly_is_shown_smaller(noise: tuple[Path, Path]) -> None:
    clip, sheet = noise
    for limit in (media.SHEET_LIMIT, media.STRIP_LIMIT):
        shown = media.picture(sheet, "noise", limit).value or ""
        assert len(shown) <= limit
        (small,) = pictures(shown)
        assert small.width < 1180
    shown = media.top_rows(sheet, "noise", media.SHEET_LIMIT).value or ""
    assert len(shown) <= media.SHEET_LIMIT
    (rows,) = pictures(shown)
    assert rows.width / rows.height > 2 * 1180 / 960, "the upper rows alone"
    shown = media.moving_pictures([clip] * 5).value or ""
    assert len(shown) <= media.MOST_CLIPS * (media.CLIP_LIMIT + 1)
    moving = pictures(shown)
    assert len(moving) == media.MOST_CLIPS
    assert all(picture.n_frames > 1 for picture in moving)


def test_what_fits_in_no_way_is_said(noise: tuple[Path, Path]) -> None:
    assert media.picture(noise[1], "noise", 100).value == "noise: too large to be shown here"


def test_a_clip_plays_for_as_long_as_it_takes_and_shows_what_it_shows(tmp_path: Path) -> None:
    frames = np.zeros((24, 64, 96, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[:, : 4 * index] = (200, 120, 40)
    write_mp4(tmp_path / "clip.mp4", frames, 8)
    (moving,) = pictures(media.moving_pictures([tmp_path / "clip.mp4"]).value or "")
    took_ms = 0
    for index in range(moving.n_frames):
        moving.seek(index)
        moving.load()
        took_ms += moving.info["duration"]
        assert is_small_copy(moving, Image.fromarray(frames[index * 24 // moving.n_frames]))
    assert took_ms == pytest.approx(3000, rel=0.05)


def test_a_strip_shows_pictures_from_the_first_to_the_last_quarter(tmp_path: Path) -> None:
    files = []
    for index in range(32):
        files.append(tmp_path / f"{index}.png")
        Image.new("RGB", (720, 480), (8 * index, 0, 0)).save(files[-1])
    (strip,) = pictures(media.strip(files, "frames", media.STRIP_LIMIT).value or "")
    width, height = strip.width // 4, strip.height // 2
    shown = [
        strip.getpixel((column * width + width // 2, row * height + height // 2))[0]
        for row in range(2)
        for column in range(4)
    ]
    assert shown == pytest.approx([8 * 4 * index for index in range(8)], abs=6)
    assert len(pictures(media.strip(files[:1], "one", media.STRIP_LIMIT).value or "")) == 1


def test_two_clips_play_beside_each_other_in_one_picture(
    tmp_path: Path, noise: tuple[Path, Path]
) -> None:
    for name, colour in (("left", (200, 40, 40)), ("right", (40, 40, 200))):
        frames = np.full((9, 64, 96, 3), colour, np.uint8)
        for index, frame in enumerate(frames):
            frame[:8, : 10 * index] = 0
        write_mp4(tmp_path / f"{name}.mp4", frames, 8)
    clips = tmp_path / "left.mp4", tmp_path / "right.mp4"
    (pair,) = pictures(media.side_by_side(*clips, "red, blue", media.CLIP_LIMIT))
    assert pair.n_frames > 1
    half = pair.width // 2
    left, right = (
        np.asarray(pair.convert("RGB").crop(box)).mean(axis=(0, 1))
        for box in ((0, 0, half - 4, pair.height), (half + 4, 0, pair.width, pair.height))
    )
    assert left[0] > 150 > 80 > left[2]
    assert right[2] > 150 > 80 > right[0]
    shown = media.side_by_side(noise[0], noise[0], "noise", 2000)
    assert len(shown) <= 2000
