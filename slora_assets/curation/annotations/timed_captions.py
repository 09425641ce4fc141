"""Readers of captions that stand at times of longer videos: whatever JSON a mapping describes
(ActivityNet Captions, YouCook2), and MSVD."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

import polars as pl

from slora_assets.config.data import TimedCaptions
from slora_assets.config.errors import IntegrityError
from slora_assets.curation.annotations.opened import document, text_of, wrong_format
from slora_assets.curation.annotations.rows import Faults, RawRow, clip_tables
from slora_assets.curation.annotations.values import shown

_MSVD_NAME: Final = re.compile(r"(?P<source>.+)_(?P<start>[\d.]+)_(?P<end>[\d.]+)")
_MSVD_COLUMNS: Final = ("VideoID", "Start", "End", "Description")


def read_timed_captions(
    file: Path, max_share: float = 0.0, mapping: TimedCaptions | None = None
) -> Iterator[pl.DataFrame]:
    """A JSON file whose videos have captions with start and end; `mapping` says under which keys.

    The n-th caption of a video is the clip `<video>.<n>`, from 0; its video is its source.
    """
    keys = mapping or TimedCaptions()
    names = {
        "id": keys.id,
        "source_group": keys.source,
        "captions": keys.captions,
        "official_split": keys.split,
        "category": keys.category,
        "source_start_s": keys.start or keys.times,
        "source_end_s": keys.end or keys.times,
    }
    rows = _timed_rows(file, keys)
    return clip_tables(file, rows, max_share, {name: key for name, key in names.items() if key})


def _timed_rows(file: Path, keys: TimedCaptions) -> Iterator[RawRow]:
    for place, video, said in _videos(file, keys):
        if not isinstance(said, dict):
            yield RawRow(place, {"id": video}, f"found {shown(said)}, expected an object")
            continue
        whole = {
            "source_group": (_at(said, keys.source) if keys.source else None) or video,
            "official_split": _at(said, keys.split) if keys.split else None,
            "category": _at(said, keys.category) if keys.category else None,
        }
        found = _segments(said, keys)
        if isinstance(found, str):
            yield RawRow(place, whole | {"id": video}, found)
            continue
        for number, (time, caption) in enumerate(found):
            values = whole | {"captions": [caption]}
            if isinstance(video, str | int) and not isinstance(video, bool):
                values["id"] = f"{video}.{number}"
            fault = None
            if isinstance(time, list) and len(time) == 2:
                values |= {"source_start_s": time[0], "source_end_s": time[1]}
            else:
                fault = f"key '{keys.times}': found {shown(time)}, expected start and end"
            yield RawRow(f"{place}, caption {number + 1}", values, fault)


def _videos(file: Path, keys: TimedCaptions) -> Iterator[tuple[str, object, object]]:
    """Place, id and content of each video."""
    said = document(file)
    for key in keys.videos.split(".") if keys.videos else ():
        said = said.get(key) if isinstance(said, dict) else None
    if isinstance(said, dict):
        for video, content in said.items():
            yield f"video {shown(video)}", video, content
    elif isinstance(said, list):
        for number, content in enumerate(said, start=1):
            video = _at(content, keys.id) if isinstance(content, dict) else None
            yield f"video {number}", video, content
    else:
        where = f" under '{keys.videos}'" if keys.videos else ""
        raise wrong_format(file, f"an object or a list of videos{where}", type(said).__name__)


def _segments(said: dict[str, Any], keys: TimedCaptions) -> list[tuple[object, object]] | str:
    """Time and caption of each segment, or why there are none."""
    if keys.segments:
        parts = _at(said, keys.segments)
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            return f"key '{keys.segments}': found {shown(parts)}, expected a list of objects"
        if keys.start and keys.end:
            times = [[_at(part, keys.start), _at(part, keys.end)] for part in parts]
        else:
            times = [_at(part, keys.times) for part in parts]
        return list(zip(times, (_at(part, keys.captions) for part in parts), strict=True))
    times, captions = _at(said, keys.times), _at(said, keys.captions)
    for key, found in ((keys.times, times), (keys.captions, captions)):
        if not isinstance(found, list):
            return f"key '{key}': found {shown(found)}, expected a list"
    if len(times) != len(captions):
        return f"{len(captions)} captions, but {len(times)} times"
    return list(zip(times, captions, strict=True))


def _at(said: Any, way: str) -> Any:
    """What stands under a key; dots go deeper."""
    for key in way.split("."):
        said = said.get(key) if isinstance(said, dict) else None
    return said


def read_msvd(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """MSVD: its corpus as CSV (English rows), or its `AllVideoDescriptions.txt`, a caption per
    line after `<YouTube id>_<start s>_<end s>`."""
    return clip_tables(file, _msvd_clips(file, max_share), max_share, {})


def _msvd_clips(file: Path, max_share: float) -> Iterator[RawRow]:
    captions: dict[str, list[str]] = {}
    faults, count = Faults(file, max_share), 0
    for line, name, caption in _msvd_captions(file):
        count += 1
        if _MSVD_NAME.fullmatch(name):
            captions.setdefault(name, []).append(caption)
            continue
        fault = f"found {shown(name)}, expected <id>_<start>_<end>"
        faults.note(f"line {line}: {fault}")
        yield RawRow(f"line {line}", fault=fault, counts=False)
    faults.check(count)
    for name, said in captions.items():
        parts = _MSVD_NAME.fullmatch(name)
        assert parts is not None, "only such names were taken"
        values = {"id": name, "captions": said, "source_group": parts["source"]}
        times = {"source_start_s": parts["start"], "source_end_s": parts["end"]}
        yield RawRow(f"clip {name}", values | times)


def _msvd_captions(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line, clip and caption."""
    text = text_of(file)
    if "VideoID" not in text.partition("\n")[0]:
        for number, line in enumerate(text.splitlines(), start=1):
            name, _, caption = line.strip().partition(" ")
            if name and not line.startswith("#"):
                yield number, name, caption
        return
    rows = csv.DictReader(StringIO(text, newline=""))
    absent = [name for name in _MSVD_COLUMNS if name not in (rows.fieldnames or ())]
    if absent:
        raise IntegrityError("a column is absent", file=file, key=", ".join(absent))
    try:
        for row in rows:
            if (row.get("Language") or "English").strip().lower() == "english":
                name = "_".join(row[key] or "" for key in _MSVD_COLUMNS[:3])
                yield rows.line_num, name, row["Description"] or ""
    except csv.Error as error:
        raise IntegrityError(
            f"can't be read as CSV ({error})", file=file, line=rows.line_num
        ) from error
