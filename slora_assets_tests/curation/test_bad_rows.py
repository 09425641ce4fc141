"""Annotations as people have them: what can be read is read alike in every format, what can't costs
its row and says why, and nothing becomes another value without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from slora_assets.config.errors import IntegrityError
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
)
from slora_assets_tests.curation.annotated import (
    captioned_text,
    empty_footage,
    msrvtt_text,
    sort,
    sort_one,
)


def test_a_bad_row_costs_itself_and_says_where_and_why(tmp_path: Path) -> None:
    text, names = captioned_text(*["a market"] * 5, 7), [f"v{i}" for i in range(6)]
    found = sort_one(tmp_path, "captioned_clips", text, names)
    assert sorted(found.clips) == [f"v{i}" for i in range(5)]
    assert found.rejects["v5"] == (
        "bad_annotation",
        "entry 6 (v5), key 'caption': found 7, expected a text in the list",
    )


def test_too_many_bad_rows_are_refused_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(captioned_text("a market", None, [], "a dog"))
    with pytest.raises(IntegrityError, match=r"a\.json: entry 2 .*key 'caption'.*1 more of 4"):
        pl.concat(read_captioned_clips(tmp_path / "a.json", 0.4))
    assert len(pl.concat(read_captioned_clips(tmp_path / "a.json", 0.5))) == 4


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('{"caption": "a market", "captions": null}', "captions"),
        ('{"caption": "a market", "captions": "a kitchen"}', "captions"),
        ('{"captions": "a kitchen"}', "captions"),
        ('{"captions": {"0": "a kitchen"}}', "captions"),
        ('{"captions": ["a kitchen", null]}', "captions"),
        ('{"captions": ["a kitchen", 3]}', "captions"),
        ('{"captions": [["a kitchen"]]}', "captions"),
        ('{"caption": 3}', "captions"),
        ('{"captions": ["x"], "split": 1}', "split"),
        ('{"captions": ["x"], "split": true}', "split"),
        ('{"captions": ["x"], "split": ["test"]}', "split"),
        ('{"captions": ["x"], "split": "held-out"}', "split"),
        ('{"captions": ["x"], "split": "trainval"}', "split"),
        ('{"captions": ["x"], "source": ["a"]}', "source"),
        ('{"captions": ["x"], "category": {}}', "category"),
        ("{}", "captions"),
        ("null", "x.json"),
        ("3", "x.json"),
        ('{"captions": ["x"]', "x.json"),
        ('{"captions": [NaN]}', "x.json"),
        ("", "x.json"),
    ],
)
def test_what_is_no_caption_file_is_named_with_its_key(
    tmp_path: Path, content: str, key: str
) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(IntegrityError, match=key) as raised:
        pl.concat(read_folder(tmp_path))
    assert "x.json" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("word", "official", "split"),
    [
        *[(word, "validate", "validation") for word in ("val", "Validate", "validation", "dev")],
        *[(word, "validate", "validation") for word in ("VALID", " val ", "ｖａｌ", "Development")],
        *[(word, "test", "test") for word in ("Test", "TESTING", "test\u00a0")],
        *[(word, "train", "train") for word in ("Training", "train")],
    ],
)
def test_a_split_by_any_of_its_names_is_that_split(
    tmp_path: Path, word: str, official: str, split: str
) -> None:
    videos = [
        {"video_id": "video0", "split": word},
        {"video_id": "video1", "split": "validate"},
    ]
    found = sort_one(tmp_path, "msrvtt", msrvtt_text(*videos), ["video0", "video1"])
    assert (found.clips["video0"].official_split, found.clips["video0"].split) == (official, split)


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_an_empty_split_is_none(tmp_path: Path, nothing: str | None) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"captions": ["x"], "split": nothing}))
    assert next(read_folder(tmp_path))["official_split"].to_list() == [None]


def test_the_split_of_a_bad_row_still_counts_for_its_source(tmp_path: Path) -> None:
    clips = [{"captions": ["a market"], "source": "film"} for _ in range(5)]
    files = {f"footage/c{i}.json": json.dumps(clip) for i, clip in enumerate(clips)}
    bad = {"captions": None, "source": "film", "split": "test"}
    found = sort(
        tmp_path,
        files | {"footage/c9.json": json.dumps(bad)} | empty_footage(*(f"c{i}" for i in range(5))),
        format="folder",
    )
    assert {clip.split for clip in found.clips.values()} == {"test"}


@pytest.mark.parametrize("nothing", ["null", '""', '" "'])
def test_without_a_source_each_clip_is_its_own(tmp_path: Path, nothing: str) -> None:
    text = f'{{"captions": ["a market"], "source": {nothing}}}'
    files = {f"footage/k{i}.json": text for i in range(12)}
    found = sort(tmp_path, files | empty_footage(*(f"k{i}" for i in range(12))), format="folder")
    assert {clip.source_group for clip in found.clips.values()} == {f"k{i}" for i in range(12)}
    assert {clip.split for clip in found.clips.values()} == {"train", "validation"}


def test_categories_and_names_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"clip": 7, "caption": "a market", "category": 3}]')
    (row,) = next(read_captioned_clips(tmp_path / "a.json")).rows(named=True)
    assert (row["id"], row["category"]) == ("7", "3")
    (tmp_path / "m.json").write_text(msrvtt_text({"video_id": "v", "category": None}))
    assert next(read_msrvtt(tmp_path / "m.json"))["category"].to_list() == [None]


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("0.0", "2.0", (0, 2)),
        ("0:00:01", "0:00:04", (1, 4)),
        ("01:02", "1:00:02.5", (62, 3602.5)),
        (" 1.5 ", 3, (1.5, 3)),
        (None, "", (None, None)),
        (".5", "1e1", (0.5, 10)),
    ],
)
def test_times_may_be_texts(
    tmp_path: Path, start: object, end: object, seconds: tuple[float | None, ...]
) -> None:
    video = {"video_id": "v", "start time": start, "end time": end}
    (tmp_path / "m.json").write_text(msrvtt_text(video))
    (row,) = next(read_msrvtt(tmp_path / "m.json")).rows(named=True)
    assert (row["source_start_s"], row["source_end_s"]) == seconds


@pytest.mark.parametrize(
    ("start", "end"),
    [("soon", 2), (-1, 2), (True, 2), ([0], 2), ("nan", 2), (2, 2), (3, 2), (0, "1:2:3:4")],
)
def test_times_that_are_none_are_named(tmp_path: Path, start: object, end: object) -> None:
    video = {"video_id": "v", "start time": start, "end time": end}
    (tmp_path / "m.json").write_text(msrvtt_text(video))
    with pytest.raises(IntegrityError, match="time"):
        pl.concat(read_msrvtt(tmp_path / "m.json"))


def test_a_bad_sentence_costs_itself_alone(tmp_path: Path) -> None:
    said = [{"video_id": "v", "caption": "a market"}] * 9 + [{"video_id": "v", "caption": None}]
    text = json.dumps({"videos": [{"video_id": "v"}], "sentences": said})
    found = sort_one(tmp_path, "msrvtt", text, ["v"])
    assert len(found.clips["v"].captions) == 9
    assert found.rejects["sentence 10"][0] == "bad_annotation"


def test_sentences_of_videos_that_are_not_listed_are_counted_in_one_row(tmp_path: Path) -> None:
    said = [{"video_id": name, "caption": "a market"} for name in ["v", 7, "7", "v8"]]
    text = json.dumps({"videos": [{"video_id": "v"}], "sentences": said})
    found = sort_one(tmp_path, "msrvtt", text, ["v"])
    assert len(found.clips["v"].captions) == 1
    ((_, (reason, told)),) = found.rejects.items()
    assert reason == "bad_annotation"
    assert "3 of 4" in told and "'7'" in told


def test_where_lists_leave_no_validation_part_some_of_training_is_held_out(tmp_path: Path) -> None:
    videos: list[dict[str, Any]] = [
        {"video_id": f"v{i}", "url": f"u{i}", "split": "train"} for i in range(40)
    ]
    videos += [{"video_id": "v40", "split": "validate"}, {"video_id": "v41", "split": "test"}]
    listed = "video_id\n" + "\n".join(f"v{i}" for i in range(41))
    names = [one["video_id"] for one in videos]
    files, lists = {"train.csv": listed}, {"train": ["train.csv"]}
    text = msrvtt_text(*videos)
    found = sort_one(tmp_path, "msrvtt", text, names, files, official_splits=lists)
    splits = [found.clips[name].split for name in names]
    assert 0 < splits.count("validation") < 20
    assert splits[41] == "test"
    assert splits.count("test") == 1


def test_braces_in_captions_are_words(tmp_path: Path) -> None:
    found = sort(
        tmp_path,
        {"footage/a.txt": "a dog {caption} {0} %s {", **empty_footage("a")},
        format="folder",
    )
    assert found.clips["a"].prompts == ["a dog {caption} {0} %s {"]
