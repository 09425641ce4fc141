"""Files of each format's own grammar, with what people's files hold instead here and there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "../../x", "a/b", "\x00", "\ud800", "0:00:01", ".43"]),
    st.sampled_from(["'", '"', "\\"]),
    st.lists(st.text(max_size=4), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda n: ODD if n == 0 else usual)


CAPTION = st.sampled_from(
    ["a market", "the mar\u00adket", "a dog", "", 'a "market" isn\'t {x}', "\n"]
)
SPLIT = st.sampled_from([None, "train", "val", "Test", "test", "validate", "dev", "testing"])
ROW = st.fixed_dictionaries(
    {
        "captions": mostly(st.lists(mostly(CAPTION), min_size=1, max_size=3)),
        "source": mostly(st.sampled_from(["film", "https://youtu.be/aaaaaaaaaaa", None, "x"])),
        "split": mostly(SPLIT),
        "start": mostly(st.sampled_from([0, 1.5, "2", "0:00:01", None])),
        "end": mostly(st.sampled_from([3, 9.5, "0:00:09", None])),
        "category": mostly(st.sampled_from(["a", 1, None])),
        "score": mostly(st.sampled_from([0.5, ".4", None])),
        "odd_id": mostly(st.none()),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=8)


def name_of(number: int, row: dict[str, Any]) -> Any:
    return f"c{number}" if row["odd_id"] is None else row["odd_id"]


def first_of(row: dict[str, Any]) -> Any:
    said = row["captions"]
    return said[0] if isinstance(said, list) and said else said


def as_json(value: object) -> str:
    # Infinity and NaN are no JSON, but Python writes them.
    return json.dumps(value)


def msrvtt(rows: list[dict[str, Any]]) -> str:
    videos = [
        {
            "video_id": name_of(i, row),
            "url": row["source"],
            "split": row["split"],
            "start time": row["start"],
            "end time": row["end"],
            "category": row["category"],
        }
        for i, row in enumerate(rows)
    ]
    said = [
        {"video_id": name_of(i, row), "caption": caption}
        for i, row in enumerate(rows)
        for caption in (row["captions"] if isinstance(row["captions"], list) else [row["captions"]])
    ]
    return as_json({"videos": videos, "sentences": said})


def captioned_clips(rows: list[dict[str, Any]]) -> str:
    return as_json(
        [
            {"clip": name_of(i, row), "caption": first_of(row), "category": row["category"]}
            for i, row in enumerate(rows)
        ]
    )


def vatex(rows: list[dict[str, Any]]) -> str:
    return as_json(
        [
            {
                "videoID": f"c{i}_000001_000009" if row["odd_id"] is None else row["odd_id"],
                "enCap": row["captions"],
            }
            for i, row in enumerate(rows)
        ]
    )


def table(head: list[str], rows: list[list[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def webvid(rows: list[dict[str, Any]]) -> str:
    cells: list[list[object]] = []
    for i, row in enumerate(rows):
        cells.append([name_of(i, row), first_of(row), row["source"]])
    return table(["videoid", "name", "contentUrl"], cells)


def panda70m(rows: list[dict[str, Any]]) -> str:
    cells: list[list[object]] = []
    for i, row in enumerate(rows):
        said = row["captions"]
        number = len(said) if isinstance(said, list) else 1
        times = [["0:00:00.000", "0:00:03.000"]] * number
        scores = [row["score"]] * number
        cells.append([name_of(i, row), "u", str(times), str(said), str(scores)])
    return table(["videoID", "url", "timestamp", "caption", "matching_score"], cells)


def timed_captions(rows: list[dict[str, Any]]) -> str:
    return as_json(
        [
            {
                "id": name_of(i, row),
                "parts": [{"t": [row["start"], row["end"]], "c": one} for one in row["captions"]]
                if isinstance(row["captions"], list)
                else row["captions"],
                "s": row["source"],
                "split": row["split"],
            }
            for i, row in enumerate(rows)
        ]
    )


def msvd(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"c{i}_0_3 {caption}"
        for i, row in enumerate(rows)
        for caption in (row["captions"] if isinstance(row["captions"], list) else [row["captions"]])
    ]
    return "\n".join(lines)


MAKERS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "msrvtt": msrvtt,
    "captioned_clips": captioned_clips,
    "vatex": vatex,
    "webvid": webvid,
    "panda70m": panda70m,
    "timed_captions": timed_captions,
    "msvd": msvd,
}
