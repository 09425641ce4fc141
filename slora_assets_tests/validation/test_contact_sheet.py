"""Base and adapter side by side, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from slora_assets.validation.report.contact_sheet import contact_sheet
from slora_assets_tests.validation.drawn_samples import RED, Colour, Frames, sample, still

GREEN, BLUE = (0, 200, 0), (0, 0, 200)
CYAN, PINK, OLIVE = (0, 200, 200), (200, 0, 200), (120, 120, 0)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def _sheet(path: Path, base: Sequence[Frames], adapter: Sequence[Frames]) -> NDArray[np.uint8]:
    contact_sheet(path, [sample(f) for f in base], [sample(f) for f in adapter])
    picture = Image.open(path)
    assert picture.format == "PNG"
    return np.asarray(picture)


def _colours(pixels: NDArray[np.uint8]) -> set[Colour]:
    """The colours of a region that are neither its ground nor, mostly, its text."""
    found, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    large = found[counts > pixels.size / 3 / 10]
    return {tuple(map(int, colour)) for colour in large} - {WHITE, BLACK}


def test_a_contact_sheet_has_a_row_per_prompt_with_the_base_left_and_the_adapter_right(
    tmp_path: Path,
) -> None:
    base, adapter = (RED, GREEN, BLUE), (CYAN, PINK, OLIVE)
    sheet = _sheet(tmp_path / "sheet.png", [still(c) for c in base], [still(c) for c in adapter])
    middle = sheet.shape[1] // 2
    for row, (left, right) in zip(np.split(sheet, 3), zip(base, adapter, strict=True), strict=True):
        assert _colours(row[:, :middle]) == {left}
        assert _colours(row[:, middle:]) == {right}


def test_a_contact_sheet_shows_four_pictures_from_first_to_last_in_the_clips_own_shape(
    tmp_path: Path,
) -> None:
    clip = np.stack([np.full((64, 96, 3), (20 + 20 * i, 0, 0), np.uint8) for i in range(9)])
    sheet = _sheet(tmp_path / "sheet.png", [clip], [still(BLUE)])
    line = sheet[-4, : sheet.shape[1] // 2]
    reds = [int(red) for red, green, _ in line if green == 0]
    shown = list(dict.fromkeys(reds))
    assert len(shown) == 4 and shown == sorted(shown)
    assert (shown[0], shown[-1]) == (20, 180)
    width = reds.count(20)
    height = int((sheet[:, 10] == (20, 0, 0)).all(axis=1).sum())
    assert width / height == pytest.approx(96 / 64, rel=0.02)


def test_the_same_clips_give_the_same_sheet_and_any_prompt_can_be_written(tmp_path: Path) -> None:
    texts = ["a café on the market", "ein Markt — 市场 🛒", "a market " * 40]
    for name in ("one.png", "other.png"):
        samples = [sample(still(RED), text) for text in texts]
        contact_sheet(tmp_path / name, samples, samples)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
