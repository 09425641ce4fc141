"""Captions at times of longer videos, as ActivityNet, YouCook2 and MSVD publish them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from slora_assets.config.errors import ConfigError, IntegrityError
from slora_assets.curation.annotations.timed_captions import read_msvd, read_timed_captions
from slora_assets_tests.curation.annotated import sort

ACTIVITYNET = {
    "v_QOlSCBRmfWY": {
        "duration": 82.73,
        "timestamps": [[0.83, 19.86], [17.37, 60.81]],
        "sentences": ["A young woman is seen in a market.", " A dog runs."],
    },
    "v_other": {"duration": 3.0, "timestamps": [[0, 3]], "sentences": ["Nothing."]},
}
YOUCOOK2 = {
    "taxonomy": {},
    "database": {
        "GLd3aX16zBg": {
            "subset": "training",
            "recipe_type": "113",
            "video_url": "http://youtu.be/GLd3aX16zBg",
            "annotations": [{"segment": [90, 102], "id": 0, "sentence": "cut bread at a market"}],
        },
        "xHr8X2Wpmno": {
            "subset": "validation",
            "recipe_type": "113",
            "video_url": "https://www.youtube.com/watch?v=xHr8X2Wpmno",
            "annotations": [{"segment": [47, 60], "id": 0, "sentence": "a market again"}],
        },
    },
}
YOUCOOK2_KEYS = {
    "videos": "database",
    "segments": "annotations",
    "times": "segment",
    "captions": "sentence",
    "source": "video_url",
    "split": "subset",
    "category": "recipe_type",
}


def test_activitynet_needs_no_mapping(tmp_path: Path) -> None:
    found = sort(
        tmp_path,
        {"a.json": json.dumps(ACTIVITYNET), "footage/v_QOlSCBRmfWY.mp4": ""},
        format="timed_captions",
        annotations=["a.json"],
        footage_holds="sources",
    )
    assert sorted(found.clips) == ["v_QOlSCBRmfWY.0", "v_QOlSCBRmfWY.1"]
    second = found.clips["v_QOlSCBRmfWY.1"]
    assert (second.start_s, second.end_s, second.scenario) == (17.37, 60.81, "animal")
    assert found.rejects["v_other.0"][0] == "no_keyword"


def test_youcook2_is_described_by_a_mapping(tmp_path: Path) -> None:
    found = sort(
        tmp_path,
        {
            "y.json": json.dumps(YOUCOOK2),
            "footage/GLd3aX16zBg.mp4": "",
            "footage/xHr8X2Wpmno.mp4": "",
        },
        format="timed_captions",
        annotations=["y.json"],
        footage_holds="sources",
        mapping=YOUCOOK2_KEYS,
    )
    first, second = (found.clips[name] for name in ("GLd3aX16zBg.0", "xHr8X2Wpmno.0"))
    assert first.source_group == "https://www.youtube.com/watch?v=GLd3aX16zBg"
    assert (first.start_s, first.end_s, first.category) == (90, 102, "113")
    assert (first.split, second.split) == ("train", "validation")


def test_a_list_of_videos_with_starts_and_ends_apart(tmp_path: Path) -> None:
    videos = [
        {"name": "v1", "parts": [{"from": "0:05", "to": "0:09.5", "meta": {"text": "a market"}}]}
    ]
    keys = {
        "videos": "data.videos",
        "id": "name",
        "segments": "parts",
        "start": "from",
        "end": "to",
        "captions": "meta.text",
    }
    found = sort(
        tmp_path,
        {"l.json": json.dumps({"data": {"videos": videos}}), "footage/v1.0.mp4": ""},
        format="timed_captions",
        annotations=["l.json"],
        mapping=keys,
    )
    clip = found.clips["v1.0"]
    assert (clip.source_start_s, clip.source_end_s) == (5, 9.5)


@pytest.mark.parametrize(
    "video",
    [
        None,
        [],
        {},
        {"timestamps": [[0, 1]], "sentences": "a market"},
        {"timestamps": [[0, 1]], "sentences": ["a", "b"]},
        {"timestamps": [[0]], "sentences": ["a"]},
        {"timestamps": ["0-1"], "sentences": ["a"]},
        {"timestamps": [[1, 0]], "sentences": ["a"]},
        {"timestamps": [[0, 1]], "sentences": [None]},
        {"timestamps": None, "sentences": None},
    ],
)
def test_a_video_that_is_not_so_described_is_named(tmp_path: Path, video: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"v_x": video}))
    with pytest.raises(IntegrityError, match=r"a\.json: video 'v_x'"):
        pl.concat(read_timed_captions(tmp_path / "a.json"))


@pytest.mark.parametrize("text", ["3", "null", '"x"', "", "[", '{"a": 1, }'])
def test_a_file_without_videos_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"a\.json"):
        pl.concat(read_timed_captions(tmp_path / "a.json"))


def test_a_mapping_is_of_timed_captions_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="timed_captions"):
        sort(tmp_path, {}, format="folder", mapping={"videos": "x"})


@pytest.mark.parametrize(
    "text",
    [
        "# comment\n\na_b-C_33_46 a bird in a market\na_b-C_33_46 a market.\nx_0_3 a dog\n",
        "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
        "a_b-C,33,46,1,clean,1,English,a bird in a market\n"
        "a_b-C,33,46,1,clean,1,German,ein Markt\n"
        'a_b-C,33,46,1,clean,1,english,"a market."\nx,0,3,1,clean,1,,a dog\n',
    ],
)
def test_msvd_gathers_the_captions_of_a_clip(tmp_path: Path, text: str) -> None:
    (tmp_path / "msvd").write_text(text)
    first, second = next(read_msvd(tmp_path / "msvd")).rows(named=True)
    assert (first["id"], first["source_group"]) == ("a_b-C_33_46", "a_b-C")
    assert (first["source_start_s"], first["source_end_s"]) == (33, 46)
    assert first["captions"] == ["a bird in a market", "a market."]
    assert second["captions"] == ["a dog"]


def test_a_line_of_msvd_without_a_clip_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("a_1_2 x\n" * 9 + "nonsense here\n")
    table = pl.concat(read_msvd(tmp_path / "m.txt", 0.2))
    assert table["fault"].drop_nulls().to_list() == [
        "line 10, found 'nonsense', expected <id>_<start>_<end>"
    ]
    with pytest.raises(IntegrityError, match="line 10"):
        pl.concat(read_msvd(tmp_path / "m.txt"))
