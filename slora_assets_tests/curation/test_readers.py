"""Public annotation formats as their authors publish them, and what is said of broken ones."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from slora_assets.config.data import DatasetSettings, read_dataset
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.annotations.batches import BATCH, SCHEMA
from slora_assets.curation.annotations.csv_tables import read_panda70m, read_webvid
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
    read_vatex,
)

PANDA_COLUMNS = ("videoID", "url", "timestamp", "caption", "matching_score")


def _dataset(kind: str, **more: object) -> DatasetSettings:
    given = {"name": "d", "format": kind, "annotations": ["a"], "footage": "f"}
    return DatasetSettings.model_validate(given | {"licence": "l", "use": "u"} | more)


def _panda(path: Path, *rows: tuple[str, list[list[str]], list[str], list[float]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(PANDA_COLUMNS)
        for video, times, captions, scores in rows:
            # The dataset's lists are Python's own notation.
            writer.writerow([video, f"https://v/{video}", str(times), str(captions), str(scores)])
    return path


def test_a_panda_row_becomes_its_clips_with_times_and_scores(tmp_path: Path) -> None:
    captions = ["It's a man's \"market\".", "a plain one, with a comma", 'say "hi"', "back\\slash"]
    times = [[f"0:0{n}:08.500", f"1:0{n}:09.000"] for n in range(4)]
    file = _panda(
        tmp_path / "p.csv",
        ("v1", times, captions, [0.5, 0.25, 1e-2, 0.1]),
        ("v2", [["0:00:01.0", "0:00:02.0"]], ["x"], [0.9]),
    )
    table = pl.concat(read_panda70m(file))
    assert table.schema == SCHEMA
    assert table["id"].to_list() == ["v1.0", "v1.1", "v1.2", "v1.3", "v2.0"]
    assert table["captions"].list.first().to_list() == [*captions, "x"]
    assert table["source_group"].to_list() == ["v1"] * 4 + ["v2"]
    assert table["source_start_s"].to_list() == [8.5, 68.5, 128.5, 188.5, 1.0]
    assert table["source_end_s"][0] == 3609
    assert table["score"].to_list() == [0.5, 0.25, 0.01, 0.1, 0.9]


def test_each_caption_of_a_video_comes_by_itself_whatever_stands_in_it(tmp_path: Path) -> None:
    said = {"v0": ["a\x00b", "two\nlines", "x\x1fy, z"], "v1": [], "v2": ["", 'a "café"']}
    videos = [{"video_id": name, "url": f"https://v/{name}", "split": "train"} for name in said]
    sentences = [
        {"video_id": name, "caption": one} for name, captions in said.items() for one in captions
    ]
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"videos": videos, "sentences": sentences}))
    table = pl.concat(read_msrvtt(file))
    assert table.schema == SCHEMA
    assert dict(table.select("id", "captions").iter_rows()) == {
        "v0": ["a b", "two lines", "x y, z"],
        "v1": [],
        "v2": ['a "café"'],
    }


def test_a_panda_row_whose_lists_differ_is_named(tmp_path: Path) -> None:
    file = _panda(tmp_path / "p.csv", ("v7", [["0:00:01.0", "0:00:02.0"]], ["x", "y"], [0.9, 0.8]))
    with pytest.raises(IntegrityError, match="v7"):
        list(read_panda70m(file))


def test_large_tables_come_in_batches_and_lose_nothing(tmp_path: Path) -> None:
    one = ([["0:00:01.0", "0:00:02.0"]], ["a caption"], [0.9])
    file = _panda(tmp_path / "p.csv", *((f"v{number}", *one) for number in range(20_000)))
    batches = list(read_panda70m(file))
    assert len(batches) > 1
    assert pl.concat(batches)["id"].to_list() == [f"v{number}.0" for number in range(20_000)]


def test_vatex_ids_give_source_and_times(tmp_path: Path) -> None:
    file = tmp_path / "vatex.json"
    entry = {"videoID": "a_b-C_000010_000020", "enCap": ["one", "two"], "chCap": ["一"]}
    file.write_text(json.dumps([entry, {"videoID": "x_000001_000011"}]))
    first, second = next(read_vatex(file)).rows(named=True)
    assert (first["source_group"], first["source_start_s"], first["source_end_s"]) == (
        "a_b-C",
        10,
        20,
    )
    assert first["captions"] == ["one", "two"]
    assert second["captions"] == []
    file.write_text(json.dumps([{"videoID": "short", "enCap": []}]))
    with pytest.raises(IntegrityError, match="short"):
        list(read_vatex(file))


def test_webvid_captions_are_the_names(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text(
        "videoid,contentUrl,duration,page_dir,name\n"
        '21179416,https://v/a.mp4,PT00H00M11S,006001_006050,"Aerial shot, winter forest"\n'
    )
    (clip,) = next(read_webvid(file)).rows(named=True)
    assert (clip["id"], clip["captions"]) == ("21179416", ["Aerial shot, winter forest"])


def test_a_csv_of_another_format_is_told_its_missing_columns(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(IntegrityError, match="videoid"):
        list(read_webvid(file))
    with pytest.raises(MissingInputError, match=r"absent\.csv"):
        list(read_panda70m(tmp_path / "absent.csv"))


def test_a_folder_of_videos_with_captions_beside_them(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("a market\n\nstalls with fruit\n", encoding="utf-8")
    (tmp_path / "two.json").write_text(json.dumps({"caption": "a pan", "source": "film"}))
    (tmp_path / "three.json").write_text(json.dumps(["a car", "a red car"]))
    found = {row["id"]: row for row in next(read_folder(tmp_path)).rows(named=True)}
    assert found["one"]["captions"] == ["a market", "stalls with fruit"]
    assert (found["two"]["captions"], found["two"]["source_group"]) == (["a pan"], "film")
    assert found["three"]["captions"] == ["a car", "a red car"]
    (tmp_path / "two.txt").write_text("again")
    with pytest.raises(IntegrityError, match="two"):
        list(read_folder(tmp_path))


def test_split_lists_go_before_the_annotations_own_splits(tmp_path: Path) -> None:
    folder = tmp_path / "captions"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.json").write_text(json.dumps({"caption": "x", "split": "validate"}))
    train, test = tmp_path / "train.csv", tmp_path / "jsfusion.csv"
    train.write_text("video_id\na\n")
    test.write_text("key,vid_key,video_id,sentence\nret0,msr1,b,x\n")
    splits = {"train": [train], "test": [test]}
    (batch,) = read_annotations(_dataset("folder"), [folder], splits)
    assert dict(batch.select("id", "official_split").iter_rows()) == {
        "a": "train",
        "b": "test",
        "c": "validate",
    }
    train.write_text("video_id\na\nb\n")
    with pytest.raises(ConfigError, match="two splits"):
        list(read_annotations(_dataset("folder"), [folder], splits))


@pytest.mark.parametrize("listed", ["video_id\nclip_a\nclip_b\n", "video_id\n"])
def test_a_split_list_that_names_none_of_the_clips_is_refused(tmp_path: Path, listed: str) -> None:
    folder = tmp_path / "captions"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({"caption": "x"}))
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("video_id\na\nelsewhere\n")
    test.write_text(listed)
    lists = {"train": [train], "test": [test]}
    with pytest.raises(ConfigError, match=r"test\.csv.*names no clip.*such as 'a'.*Remedy"):
        list(read_annotations(_dataset("folder"), [folder], lists))


def test_a_clip_described_twice_is_named(tmp_path: Path) -> None:
    one = ("v1", [["0:00:01.0", "0:00:02.0"]], ["x"], [0.9])
    first, second = _panda(tmp_path / "1.csv", one), _panda(tmp_path / "2.csv", one)
    with pytest.raises(ConfigError, match=r"2\.csv.*v1\.0"):
        list(read_annotations(_dataset("panda70m"), [first, second], {}))


@pytest.mark.parametrize(
    "name", ["msrvtt", "panda70m", "panda70m_full", "sample", "vatex", "webvid"]
)
def test_the_shipped_dataset_files_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLORA_ANNOTATIONS", "a")
    monkeypatch.setenv("SLORA_FOOTAGE", "f")
    dataset, scenarios = read_dataset(Path("configs/data") / f"{name}.yaml")
    assert dataset.licence
    assert scenarios.scenarios


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"clip": "a"}]', '[{"clip": "a", "caption": "b"']
)
def test_what_is_no_list_of_clips_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "captions.json"
    file.write_text(text)
    with pytest.raises(IntegrityError, match=r"captions\.json"):
        list(read_captioned_clips(file))


def test_long_lists_come_in_batches_packed_or_not(tmp_path: Path) -> None:
    clips = [{"clip": f"v.{number}", "caption": "x"} for number in range(BATCH + 5)]
    file = tmp_path / "captions.json.gz"
    file.write_bytes(gzip.compress(json.dumps(clips).encode(), 1))
    assert [len(batch) for batch in read_captioned_clips(file)] == [BATCH, 5]
