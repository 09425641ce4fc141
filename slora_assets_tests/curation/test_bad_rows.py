"""Annotations as people have them: what can be read is read alike in every format, what can't costs
its row and says why, and nothing becomes another value without a word."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.dataset_files import annotation_names
from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations.csv_tables import read_panda70m, read_webvid
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
    read_vatex,
)
from slora_assets_tests.curation.annotated import sort

PANDA = "videoID,url,timestamp,caption,matching_score\n"
TIMES = "\"[['0:00:00.000', '0:00:03.000']]\""
MARK = b"\xef\xbb\xbf"


def _msrvtt(*videos: dict[str, Any]) -> str:
    sentences = [{"video_id": one["video_id"], "caption": "a market"} for one in videos]
    return json.dumps({"videos": videos, "sentences": sentences})


def _captioned(*captions: object) -> str:
    return json.dumps([{"clip": f"v{i}", "caption": one} for i, one in enumerate(captions)])


def _footage(*names: str) -> dict[str, bytes]:
    return {f"footage/{name}.mp4": b"" for name in names}


def test_a_bad_row_costs_itself_and_says_where_and_why(tmp_path: Path) -> None:
    text = _captioned(*["a market"] * 5, 7)
    found = sort(
        tmp_path,
        {"a.json": text, **_footage(*(f"v{i}" for i in range(6)))},
        format="captioned_clips",
        annotations=["a.json"],
    )
    assert sorted(found.clips) == [f"v{i}" for i in range(5)]
    assert found.rejects["v5"] == (
        "bad_annotation",
        "entry 6 (v5), key 'caption': found 7, expected a text in the list",
    )


def test_too_many_bad_rows_are_refused_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(_captioned("a market", None, [], "a dog"))
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
    files = {"m.json": _msrvtt(*videos), **_footage("video0", "video1")}
    found = sort(tmp_path, files, format="msrvtt", annotations=["m.json"])
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
        files | {"footage/c9.json": json.dumps(bad)} | _footage(*(f"c{i}" for i in range(5))),
        format="folder",
    )
    assert {clip.split for clip in found.clips.values()} == {"test"}


@pytest.mark.parametrize("nothing", ["null", '""', '" "'])
def test_without_a_source_each_clip_is_its_own(tmp_path: Path, nothing: str) -> None:
    text = f'{{"captions": ["a market"], "source": {nothing}}}'
    files = {f"footage/k{i}.json": text for i in range(12)}
    found = sort(tmp_path, files | _footage(*(f"k{i}" for i in range(12))), format="folder")
    assert {clip.source_group for clip in found.clips.values()} == {f"k{i}" for i in range(12)}
    assert {clip.split for clip in found.clips.values()} == {"train", "validation"}


def test_categories_and_names_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"clip": 7, "caption": "a market", "category": 3}]')
    (row,) = next(read_captioned_clips(tmp_path / "a.json")).rows(named=True)
    assert (row["id"], row["category"]) == ("7", "3")
    (tmp_path / "m.json").write_text(_msrvtt({"video_id": "v", "category": None}))
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
    (tmp_path / "m.json").write_text(_msrvtt(video))
    (row,) = next(read_msrvtt(tmp_path / "m.json")).rows(named=True)
    assert (row["source_start_s"], row["source_end_s"]) == seconds


@pytest.mark.parametrize(
    ("start", "end"),
    [("soon", 2), (-1, 2), (True, 2), ([0], 2), ("nan", 2), (2, 2), (3, 2), (0, "1:2:3:4")],
)
def test_times_that_are_none_are_named(tmp_path: Path, start: object, end: object) -> None:
    video = {"video_id": "v", "start time": start, "end time": end}
    (tmp_path / "m.json").write_text(_msrvtt(video))
    with pytest.raises(IntegrityError, match="time"):
        pl.concat(read_msrvtt(tmp_path / "m.json"))


def test_a_bad_sentence_costs_itself_alone(tmp_path: Path) -> None:
    said = [{"video_id": "v", "caption": "a market"}] * 9 + [{"video_id": "v", "caption": None}]
    text = json.dumps({"videos": [{"video_id": "v"}], "sentences": said})
    found = sort(
        tmp_path, {"m.json": text, **_footage("v")}, format="msrvtt", annotations=["m.json"]
    )
    assert len(found.clips["v"].captions) == 9
    assert found.rejects["sentence 10"][0] == "bad_annotation"


@pytest.mark.parametrize(
    "identity",
    [
        *("../../escaped/src.0", "/tmp/x", "a/b", "a\\b", "..", ".", ".hidden", "", " "),
        *("x" * 300, "a\x00b", "../x.mp4", "%2e%2e/x"),
    ],
)
def test_a_name_that_is_no_name_of_a_file_is_refused_by_name(tmp_path: Path, identity: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"clip": identity, "caption": "a market"}]))
    with pytest.raises(IntegrityError, match="key 'clip'") as raised:
        pl.concat(read_captioned_clips(tmp_path / "a.json"))
    assert repr(identity)[1:40] in str(raised.value)
    rows = StringIO()
    csv.writer(rows).writerow([identity, "u", "[['0:00:00', '0:00:02']]", "['a dog']", "[0.5]"])
    (tmp_path / "p.csv").write_text(PANDA + rows.getvalue())
    with pytest.raises(IntegrityError, match="videoID"):
        pl.concat(read_panda70m(tmp_path / "p.csv"))


def test_nothing_is_written_outside_for_a_name_that_climbs_out(tmp_path: Path) -> None:
    root = tmp_path / "one" / "two"
    root.mkdir(parents=True)
    rows = [{"clip": f"{name}.0", "caption": "a market"} for name in "abcde"]
    rows.append({"clip": "../../../escaped/src.0", "caption": "a market"})
    found = sort(
        root,
        {"a.json": json.dumps(rows), **_footage(*"abcde", "src")},
        format="captioned_clips",
        annotations=["a.json"],
        footage_holds="sources",
    )
    assert sorted(found.clips) == [f"{name}.0" for name in "abcde"]
    assert {clip.first_frame.count("..") for clip in found.clips.values()} == {0}
    [reason] = [why for name, why in found.rejects.items() if "escaped" in name]
    assert reason[0] == "bad_annotation"


def test_a_name_may_have_the_ending_of_its_file(tmp_path: Path) -> None:
    rows = [{"clip": name, "caption": "a market"} for name in ("x.mp4", "y.MKV", "z.3")]
    found = sort(
        tmp_path,
        {"a.json": json.dumps(rows), **_footage("x", "y", "z.3")},
        format="captioned_clips",
        annotations=["a.json"],
    )
    assert sorted(found.clips) == ["x", "y", "z.3"]


def test_hidden_files_folders_and_loops_are_no_captions(tmp_path: Path) -> None:
    files = {
        "footage/x.txt": "a market\n",
        "footage/._x.txt": b"\x00\x05\x16\x07\xff\xfe",
        "footage/.y.json": b"\xff",
        "footage/._x.mp4": b"",
        "footage/Z.TXT": "a market",
    }
    (tmp_path / "footage/b.txt").mkdir(parents=True)
    (tmp_path / "footage/d.mp4").mkdir()
    (tmp_path / "footage/loop.txt").symlink_to("loop.txt")
    (tmp_path / "footage/loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "footage/gone.json").symlink_to("nowhere")
    found = sort(tmp_path, files | _footage("x", "Z"), format="folder")
    assert sorted(found.clips) == ["Z", "x"]


def test_a_file_name_in_decomposed_letters_is_found(tmp_path: Path) -> None:
    rows = [{"clip": "caf\u00e9", "caption": "a market"}, {"clip": "a\u00a0b", "caption": "market"}]
    found = sort(
        tmp_path,
        {"a.json": json.dumps(rows), **_footage("cafe\u0301", "a b")},
        format="captioned_clips",
        annotations=["a.json"],
    )
    assert sorted(found.clips) == ["a b", "caf\u00e9"]
    assert (tmp_path / found.clips["caf\u00e9"].path).exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_fault(tmp_path: Path, encoding: str) -> None:
    texts = {
        "clips.json": _captioned("a market"),
        "msrvtt.json": _msrvtt({"video_id": "v0", "split": "train"}),
        "vatex.json": json.dumps([{"videoID": "v_000001_000002", "enCap": ["a market"]}]),
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode(encoding))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.json").write_bytes('{"captions": ["a market"]}'.encode(encoding))
    (folder / "y.txt").write_bytes("a market".encode(encoding))
    readers = (read_captioned_clips, read_msrvtt, read_vatex)
    tables = [next(read(tmp_path / name)) for read, name in zip(readers, texts, strict=True)]
    for table in [*tables, next(read_folder(folder))]:
        assert set(table["captions"].explode()) == {"a market"}


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress])
def test_a_damaged_archive_is_named(tmp_path: Path, packed: Any) -> None:
    text = _captioned(*(f"a market number {i * 7919}" for i in range(4000)))
    data = bytearray(packed(text.encode()))
    cut, damaged = bytes(data[: len(data) // 2]), data
    damaged[len(data) // 2] ^= 0xFF
    for content in (cut, bytes(damaged), data[:8]):
        (tmp_path / "a.json.gz").write_bytes(content)
        for read in (read_captioned_clips, read_msrvtt):
            with pytest.raises(IntegrityError, match=r"a\.json\.gz"):
                pl.concat(read(tmp_path / "a.json.gz"))


def test_an_archive_is_known_by_its_content(tmp_path: Path) -> None:
    text = _captioned("a market").encode()
    (tmp_path / "plain.json.gz").write_bytes(text)
    (tmp_path / "packed.json").write_bytes(gzip.compress(text))
    for name in ("plain.json.gz", "packed.json"):
        assert next(read_captioned_clips(tmp_path / name))["id"].to_list() == ["v0"]


def _panda(folder: Path, *rows: str) -> list[dict[str, Any]]:
    (folder / "p.csv").write_text(PANDA + "\n".join(rows) + "\n")
    return pl.concat(read_panda70m(folder / "p.csv")).rows(named=True)


@pytest.mark.parametrize(
    ("cell", "caption"),
    [
        (r"a\xa0market here", "a market here"),
        (r"a market\nat noon", "a market at noon"),
        (r"a market\tstall", "a market stall"),
        (r"a farmer\u2019s market", "a farmer’s market"),
        (r"a dog\nruns \\ back", "a dog runs \\ back"),
        ("café \u200bcat 🐱", "café  cat 🐱"),
        (r"it\'s", "it's"),
        (r"caf\xe9", "café"),
    ],
)
def test_what_panda_70m_escapes_is_what_it_says(tmp_path: Path, cell: str, caption: str) -> None:
    (row,) = _panda(tmp_path, f"v0,u,{TIMES},\"['{cell}']\",[0.5]")
    assert row["captions"] == [caption]


def test_scores_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    rows = [f"v{i},u,{TIMES},\"['x']\",[{s}]" for i, s in enumerate((".43", "5e-1", "1.", "0.25"))]
    assert [row["score"] for row in _panda(tmp_path, *rows)] == [0.43, 0.5, 1.0, 0.25]


def test_ordinary_rows_and_others_keep_their_order_and_rules(tmp_path: Path) -> None:
    plain = [f"v{i},u,{TIMES},\"['a dog']\",[0.5]" for i in range(9)]
    odd = [f"w{i},u,{TIMES},\"['a dög']\",[0.5]" for i in range(9)]
    rows = [row for pair in zip(plain, odd, strict=True) for row in pair]
    found = _panda(tmp_path, *rows)
    assert [row["id"] for row in found] == [f"{k}{i}.0" for i in range(9) for k in "vw"]


def test_an_empty_caption_cell_says_nothing_of_its_clips(tmp_path: Path) -> None:
    two = "\"[['0:00:00.000', '0:00:02.000'], ['0:00:02.000', '0:00:04.000']]\""
    text = f"{PANDA}a,u,{TIMES},,[0.5]\nb,u,{two},\"['a dog', 'a cat']\",\"[0.5, 0.6]\"\n"
    found = sort(
        tmp_path,
        {"p.csv": text, **_footage("b.0", "b.1")},
        format="panda70m",
        annotations=["p.csv"],
    )
    assert sorted(found.clips) == ["b.0", "b.1"]
    assert found.rejects["a.0"][0] == "no_captions"


def test_a_csv_row_that_can_t_be_split_costs_itself(tmp_path: Path) -> None:
    rows = [f"{i},a market,https://v/{i}.mp4" for i in range(9)]
    rows.insert(4, "77,a market, with a comma,https://v/77.mp4")
    (tmp_path / "w.csv").write_bytes(
        ("videoid,name,contentUrl\n" + "\n".join(rows)).encode() + b"\n88,caf\xe9,u\n99\n"
    )
    table = pl.concat(read_webvid(tmp_path / "w.csv", 0.3))
    good = table.filter(pl.col("fault").is_null())
    assert good["id"].to_list() == [*map(str, range(9)), "99"]
    faults = table["fault"].drop_nulls().to_list()
    assert faults == ["row 5, 4 cells, where the header has 3", "row 11, bytes that are no UTF-8"]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"video_id\ncaf\xe9\n", b"video_id,x\nvideo0\nvideo1,2,3\n"),
        *(b"video_id,x\n,1\n", b"name\nvideo0\n", b"video_id\n../x\n"),
    ],
)
def test_a_split_list_that_can_t_be_read_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    files = {"m.json": _msrvtt({"video_id": "video0"}), "list.csv": content}
    with pytest.raises(SloraError, match=r"list\.csv") as raised:
        sort(
            tmp_path,
            files,
            format="msrvtt",
            annotations=["m.json"],
            official_splits={"validate": ["list.csv"]},
        )
    assert "\n" not in str(raised.value)


def test_split_lists_may_go_by_other_names_and_marks(tmp_path: Path) -> None:
    files = {
        "m.json": _msrvtt({"video_id": "video0"}, {"video_id": "video1", "split": "val"}),
        "list.csv": MARK + b"video_id\r\nvideo0.mp4\r\n\r\n",
        **_footage("video0", "video1"),
    }
    found = sort(
        tmp_path,
        files,
        format="msrvtt",
        annotations=["m.json"],
        official_splits={"testing": ["list.csv"]},
    )
    assert found.clips["video0"].split == "test"
    for word in ("held-out", "trainval", ""):
        with pytest.raises(SloraError, match="official_splits"):
            sort(
                tmp_path,
                files,
                format="msrvtt",
                annotations=["m.json"],
                official_splits={word: ["list.csv"]},
            )


def test_where_lists_leave_no_validation_part_some_of_training_is_held_out(tmp_path: Path) -> None:
    videos: list[dict[str, Any]] = [
        {"video_id": f"v{i}", "url": f"u{i}", "split": "train"} for i in range(40)
    ]
    videos += [{"video_id": "v40", "split": "validate"}, {"video_id": "v41", "split": "test"}]
    listed = "video_id\n" + "\n".join(f"v{i}" for i in range(41))
    names = [one["video_id"] for one in videos]
    found = sort(
        tmp_path,
        {"m.json": _msrvtt(*videos), "train.csv": listed, **_footage(*names)},
        format="msrvtt",
        annotations=["m.json"],
        official_splits={"train": ["train.csv"]},
    )
    splits = [found.clips[name].split for name in names]
    assert 0 < splits.count("validation") < 20
    assert splits[41] == "test"
    assert splits.count("test") == 1


def test_annotation_files_of_one_name_are_both_watched(tmp_path: Path) -> None:
    files = {"a/c.json": _captioned("a market"), "b/c.json": '[{"clip": "w", "caption": "a dog"}]'}
    keys = {"format": "captioned_clips", "annotations": ["a/c.json", "b/c.json"]}
    found = sort(tmp_path, {**files, **_footage("v0", "w")}, **keys)
    assert sorted(found.clips) == ["v0", "w"]
    dataset, _ = read_dataset(tmp_path / "dataset.yaml")
    workspace = Workspace(tmp_path, tmp_path, tmp_path / "dataset.yaml")
    assert [*annotation_names(dataset, workspace)] == ["a/c.json", "b/c.json"]
    (tmp_path / "b/c.json").rename(tmp_path / "b/d.json")
    other = dataset.model_copy(update={"annotations": ["a/c.json", "b/d.json"]})
    assert [*annotation_names(other, workspace)] == ["c.json", "d.json"]


@pytest.mark.parametrize("there", ["m.json", "m.json.gz", "m.json.xz"])
@pytest.mark.parametrize("named", ["m.json", "m.json.gz", "m.json.xz"])
def test_an_annotation_is_found_packed_or_not(tmp_path: Path, there: str, named: str) -> None:
    text = _msrvtt({"video_id": "v"})
    found = sort(tmp_path, {there: text, **_footage("v")}, format="msrvtt", annotations=[named])
    assert sorted(found.clips) == ["v"]


def test_braces_in_captions_are_words(tmp_path: Path) -> None:
    found = sort(
        tmp_path, {"footage/a.txt": "a dog {caption} {0} %s {", **_footage("a")}, format="folder"
    )
    assert found.clips["a"].prompts == ["a dog {caption} {0} %s {"]
