"""Which clips stand beside a prompt, and that their names are no paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.documents import FootageClip
from slora_assets.footage.encode import write_mp4
from slora_assets.reports.clips import clip_file, closest_in_words, first_frame, fitting, picture
from slora_assets_tests.reports.made import moving


def clip(name: str, caption: str, split: str = "train") -> FootageClip:
    return FootageClip(clip_id=name, split=split, caption=caption, scores={})


def test_the_footage_that_shares_most_words_stands_beside_a_prompt() -> None:
    footage = [clip("a", "a red cart"), clip("b", "Red cart, moving!"), clip("c", "a boat")]
    found = closest_in_words("a red cart moving left", footage)
    assert found is not None
    assert found.clip_id == "a"
    found = closest_in_words("red cart moving", footage)
    assert found is not None
    assert found.clip_id == "b"
    assert closest_in_words("anything", []) is None


def test_of_equals_a_held_out_one_then_the_first_by_name() -> None:
    footage = [clip("a", "boat"), clip("c", "boat", "validation"), clip("b", "boat", "validation")]
    found = closest_in_words("a boat", footage)
    assert found is not None
    assert found.clip_id == "b"


@pytest.mark.parametrize("name", ["../outside", "deep/er", "/tmp/x", "a\0b", "..", ""])
def test_a_clips_name_is_no_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "samples"
    for path in (tmp_path / "outside.mp4", folder / "deep" / "er.mp4"):
        write_mp4(path, moving(0, 50), 8)
    assert clip_file(folder, name) is None


def test_clips_are_made_smaller_rather_than_left_out(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.mp4")
        write_mp4(files[-1], moving(number, 50, (256, 384)), 8)
    groups = [{"clip": file} for file in files]
    whole = fitting(groups, 10**9, 3)
    assert (len(whole.groups), whole.width) == (3, None)
    characters = sum(video.characters for one in whole.groups for video in one.values())
    fewer = fitting(groups, characters - 1, 2)
    assert (len(fewer.groups), fewer.width) == (2, None)
    smaller = fitting(groups, characters - 1, 3)
    assert len(smaller.groups) == 3
    assert smaller.width is not None
    assert smaller == fitting(groups, characters - 1, 3)
    assert fitting(groups, 0, 3).groups == []


def test_pictures_of_what_is_not_there_are_none(tmp_path: Path) -> None:
    assert first_frame(tmp_path / "a.mp4") is None
    assert picture(tmp_path / "a.png") is None
