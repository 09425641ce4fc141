"""Readers of JSON annotations: MSR-VTT, VATEX, lists of single clips."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from slora_assets.config.errors import IntegrityError
from slora_assets.curation.annotations.opened import document, entries, wrong_format
from slora_assets.curation.annotations.rows import Faults, RawRow, clip_tables
from slora_assets.curation.annotations.values import ValueFault, as_id, as_text, shown

_VATEX_NAME: Final = re.compile(r"(?P<source>.+)_(?P<start>\d{6})_(?P<end>\d{6})", re.DOTALL)
_NAMES: Final = (str, int, float)
"""What a video is called by: numbers by those who forgot the quotation marks."""
_MSRVTT: Final = {
    "id": "video_id",
    "source_group": "url",
    "captions": "caption",
    "official_split": "split",
    "source_start_s": "start time",
    "source_end_s": "end time",
    "category": "category",
}


def read_msrvtt(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """MSR-VTT's `videodatainfo` JSON: `videos` and `sentences` joined by `video_id`."""
    said = document(file)
    if not isinstance(said, dict):
        raise wrong_format(file, "an object with 'videos' and 'sentences'", type(said).__name__)
    videos, sentences = (_list(file, said, key) for key in ("videos", "sentences"))
    return clip_tables(file, _videos(file, videos, sentences, max_share), max_share, _MSRVTT)


def _videos(
    file: Path, videos: list[Any], sentences: list[Any], max_share: float
) -> Iterator[RawRow]:
    said_of: defaultdict[object, list[str]] = defaultdict(list)
    faults = Faults(file, max_share)
    for number, one in enumerate(sentences, start=1):
        entry = one if isinstance(one, dict) else {}
        video, caption = entry.get("video_id"), entry.get("caption")
        if isinstance(caption, str) and isinstance(video, _NAMES):
            said_of[video].append(caption)
            continue
        key = "video_id" if isinstance(caption, str) else "caption"
        fault = f"found {shown(entry.get(key))}, expected a text"
        row = RawRow(f"sentence {number}", fault=f"key '{key}': {fault}", counts=False)
        faults.note(f"{row.place}, {row.fault}")
        yield row
    faults.check(len(sentences))
    captions: defaultdict[str, list[str]] = defaultdict(list)
    for video, said in said_of.items():
        captions[_name(video)] += said
    for number, video in enumerate(videos, start=1):
        place = f"video {number}"
        if not isinstance(video, dict):
            yield _no_object(place, video)
            continue
        values = {name: video.get(key) for name, key in _MSRVTT.items()}
        yield RawRow(place, values | {"captions": captions.get(_name(values["id"]), [])})
    unlisted = captions.keys() - {_name(v.get("video_id")) for v in videos if isinstance(v, dict)}
    if unlisted:  # told in one row: who cuts a file's videos leaves a hundred thousand sentences
        lost = sum(len(captions[name]) for name in unlisted)
        fault = f"{lost} of {len(sentences)} are of videos that 'videos' doesn't list, such as"
        yield RawRow("sentences", fault=f"{fault} {shown(min(unlisted))}", counts=False)


def _name(identity: object) -> str:
    """What joins videos and sentences: the id that a video has, or nothing's."""
    try:
        return as_id(identity)
    except ValueFault:
        return ""


def read_vatex(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """VATEX's JSON list: `videoID` is `<YouTube id>_<start s>_<end s>`, `enCap` the captions."""
    keys = dict.fromkeys(("id", "source_group", "source_start_s", "source_end_s"), "videoID")
    return clip_tables(file, _vatex_clips(file), max_share, keys | {"captions": "enCap"})


def _vatex_clips(file: Path) -> Iterator[RawRow]:
    for number, entry in enumerate(entries(file, "a list of {videoID, enCap}"), start=1):
        place = f"entry {number}"
        if not isinstance(entry, dict):
            yield _no_object(place, entry)
            continue
        identity = entry.get("videoID")
        # The test split without captions has no `enCap`.
        values: dict[str, object] = {"id": identity, "captions": entry.get("enCap", [])}
        try:
            name = _VATEX_NAME.fullmatch(as_id(identity))
        except ValueFault:
            yield RawRow(place, values)  # says so itself
            continue
        if name is None:
            fault = (
                f"key 'videoID': found {shown(identity)}, expected <id>_<start, 6 digits>_<end,"
                " 6 digits>"
            )
            yield RawRow(place, values, fault)
            continue
        times = {"source_start_s": name["start"], "source_end_s": name["end"]}
        yield RawRow(place, values | {"source_group": name["source"]} | times)


def read_captioned_clips(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """A JSON list of `{clip, caption, category?}`.

    Clip names of Panda-70M end in `.<number>`: what stands before it is the source video.
    """
    keys = {"id": "clip", "captions": "caption"}
    return clip_tables(file, _captioned_clips(file), max_share, keys)


def _captioned_clips(file: Path) -> Iterator[RawRow]:
    for number, entry in enumerate(entries(file, "a list of {clip, caption}"), start=1):
        place = f"entry {number}"
        if not isinstance(entry, dict):
            yield _no_object(place, entry)
            continue
        identity = entry.get("clip")
        source = _before_number(identity) if isinstance(identity, str) else None
        values = {
            "id": identity,
            "source_group": source,
            "captions": [entry.get("caption")],
            "category": entry.get("category"),
        }
        yield RawRow(place, values)


def _before_number(identity: str) -> str:
    try:
        name = as_id(identity)
    except ValueFault:
        return as_text(identity) or ""
    source, dot, number = name.rpartition(".")
    return source if dot and number.isdigit() else name


def _no_object(place: str, found: object) -> RawRow:
    return RawRow(place, fault=f"found {shown(found)}, expected an object")


def _list(file: Path, said: dict[str, Any], key: str) -> list[Any]:
    value = said.get(key)
    if not isinstance(value, list):
        raise IntegrityError("no list", file=file, key=key, found=type(value).__name__)
    return value
