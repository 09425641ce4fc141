"""Annotation files as people have them: their names, their bytes, and the names that they hold."""

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
from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations.csv_tables import read_panda70m
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
    read_vatex,
)
from slora_assets_tests.curation.annotated import (
    captioned_text,
    empty_footage,
    msrvtt_text,
    panda_text,
    sort,
    sort_one,
)


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
    (tmp_path / "p.csv").write_text(panda_text(rows.getvalue()))
    with pytest.raises(IntegrityError, match="videoID"):
        pl.concat(read_panda70m(tmp_path / "p.csv"))


def test_nothing_is_written_outside_for_a_name_that_climbs_out(tmp_path: Path) -> None:
    root = tmp_path / "one" / "two"
    root.mkdir(parents=True)
    rows = [{"clip": f"{name}.0", "caption": "a market"} for name in "abcde"]
    rows.append({"clip": "../../../escaped/src.0", "caption": "a market"})
    text, names = json.dumps(rows), [*"abcde", "src"]
    found = sort_one(root, "captioned_clips", text, names, footage_holds="sources")
    assert sorted(found.clips) == [f"{name}.0" for name in "abcde"]
    assert {clip.first_frame.count("..") for clip in found.clips.values()} == {0}
    [reason] = [why for name, why in found.rejects.items() if "escaped" in name]
    assert reason[0] == "bad_annotation"


def test_a_name_may_have_the_ending_of_its_file(tmp_path: Path) -> None:
    rows = [{"clip": name, "caption": "a market"} for name in ("x.mp4", "y.MKV", "z.3")]
    found = sort_one(tmp_path, "captioned_clips", json.dumps(rows), ["x", "y", "z.3"])
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
    found = sort(tmp_path, files | empty_footage("x", "Z"), format="folder")
    assert sorted(found.clips) == ["Z", "x"]


def test_a_file_name_in_decomposed_letters_is_found(tmp_path: Path) -> None:
    rows = [{"clip": "caf\u00e9", "caption": "a market"}, {"clip": "a\u00a0b", "caption": "market"}]
    found = sort_one(tmp_path, "captioned_clips", json.dumps(rows), ["cafe\u0301", "a b"])
    assert sorted(found.clips) == ["a b", "caf\u00e9"]
    assert (tmp_path / found.clips["caf\u00e9"].path).exists()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_fault(tmp_path: Path, encoding: str) -> None:
    texts = {
        "clips.json": captioned_text("a market"),
        "msrvtt.json": msrvtt_text({"video_id": "v0", "split": "train"}),
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
    text = captioned_text(*(f"a market number {i * 7919}" for i in range(4000)))
    data = bytearray(packed(text.encode()))
    cut, damaged = bytes(data[: len(data) // 2]), data
    damaged[len(data) // 2] ^= 0xFF
    for content in (cut, bytes(damaged), data[:8]):
        (tmp_path / "a.json.gz").write_bytes(content)
        for read in (read_captioned_clips, read_msrvtt):
            with pytest.raises(IntegrityError, match=r"a\.json\.gz"):
                pl.concat(read(tmp_path / "a.json.gz"))


def test_an_archive_is_known_by_its_content(tmp_path: Path) -> None:
    text = captioned_text("a market").encode()
    (tmp_path / "plain.json.gz").write_bytes(text)
    (tmp_path / "packed.json").write_bytes(gzip.compress(text))
    for name in ("plain.json.gz", "packed.json"):
        assert next(read_captioned_clips(tmp_path / name))["id"].to_list() == ["v0"]


def test_annotation_files_of_one_name_are_both_watched(tmp_path: Path) -> None:
    files = {
        "a/c.json": captioned_text("a market"),
        "b/c.json": '[{"clip": "w", "caption": "a dog"}]',
    }
    keys = {"format": "captioned_clips", "annotations": ["a/c.json", "b/c.json"]}
    found = sort(tmp_path, {**files, **empty_footage("v0", "w")}, **keys)
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
    text = msrvtt_text({"video_id": "v"})
    found = sort(
        tmp_path, {there: text, **empty_footage("v")}, format="msrvtt", annotations=[named]
    )
    assert sorted(found.clips) == ["v"]


@pytest.mark.parametrize(
    "content",
    [
        *("[" * 5000 + "]" * 5000, f'[{{"clip": {"9" * 5000}, "caption": "x"}}]', "[1e999]"),
        *('[{"clip": "a", "caption": "x"}] more', '{"clip": "a"}\n{"clip": "b"}\n'),
    ],
)
def test_json_that_breaks_parsers_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    for read in (read_captioned_clips, read_msrvtt, read_vatex):
        with pytest.raises(IntegrityError, match=r"a\.json") as raised:
            pl.concat(read(tmp_path / "a.json"))
        assert len(str(raised.value)) < 700 + len(str(tmp_path))
