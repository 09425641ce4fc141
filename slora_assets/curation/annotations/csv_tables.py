"""Readers of CSV annotations, streamed: Panda-70M and WebVid.

Ordinary rows are read as vectors, many millions of them; every other row by itself, by the rules of
all readers (`rows.py`).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from slora_assets.curation.annotations.batches import BATCH
from slora_assets.curation.annotations.csv_rows import Cells, clips_of
from slora_assets.curation.annotations.rows import RawRow
from slora_assets.curation.annotations.values import shown

_PANDA_ROWS: Final = BATCH // 16
"""Panda-70M has a row per video and some 3 (its 10M subset) to 19 (all of it) clips per row."""
_QUOTED: Final = r"""'[ !#-&(-\[\]-~]*'|"[ !#-&'(-\[\]-~]*\""""
"""A plain text in Python's notation, which is how Panda-70M writes lists: in ASCII, without the
other quotation mark and without escapes."""
_TIME: Final = r"\d+:\d{2}:\d{2}(?:\.\d+)?"
_PAIR: Final = rf"\['{_TIME}', '{_TIME}'\]"
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_NAME: Final = r"^[A-Za-z0-9_-]{1,190}$"
_KEYS: Final = {
    "panda70m": {
        "id": "videoID",
        "captions": "caption",
        "source_start_s": "timestamp",
        "source_end_s": "timestamp",
        "score": "matching_score",
    },
    "webvid": {"id": "videoid", "captions": "name", "source_group": "contentUrl"},
}


def read_panda70m(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """Panda-70M's CSV: a row per video, with lists of `timestamp`, `caption`, `matching_score`.

    The n-th clip of a video is `<videoID>.<n>`, from 0, as the dataset's own samples are named.
    """
    return clips_of(file, _Panda70M(), max_share)


def read_webvid(file: Path, max_share: float = 0.0) -> Iterator[pl.DataFrame]:
    """WebVid's CSV: `videoid`, `name` (the caption), `contentUrl`, a row per video."""
    return clips_of(file, _WebVid(), max_share)


class _Panda70M:
    columns = ["videoID", "timestamp", "caption", "matching_score"]
    keys = _KEYS["panda70m"]
    rows = _PANDA_ROWS

    def ordinary(self) -> pl.Expr:
        cells = (
            pl.col("videoID").str.contains(_NAME)
            & pl.col("timestamp").str.contains(rf"^\[{_PAIR}(?:, {_PAIR})*\]$")
            & pl.col("caption").str.contains(rf"^\[(?:{_QUOTED})(?:, (?:{_QUOTED}))*\]$")
            & pl.col("matching_score").str.contains(rf"^\[{_NUMBER}(?:, {_NUMBER})*\]$")
        )
        captions, scores = pl.col("caption"), pl.col("matching_score")
        clips = pl.col("timestamp").str.count_matches(_PAIR)
        # Of other cells starts and ends may differ in number, which lists can't be subtracted with.
        starts, ends = _times(pl.when(cells).then(pl.col("timestamp")))
        return (
            cells
            & (captions.str.count_matches(_QUOTED) == clips)
            & (scores.str.count_matches(_NUMBER) == clips)
            & ((ends - starts).list.min() > 0)
        ).fill_null(False)

    def clips(self, rows: pl.DataFrame) -> pl.DataFrame:
        starts, ends = _times(pl.col("timestamp"))
        lists = rows.select(
            "row",
            "videoID",
            captions=pl.col("caption").str.extract_all(_QUOTED),
            source_start_s=starts,
            source_end_s=ends,
            score=pl.col("matching_score").str.extract_all(_NUMBER),
        )
        counted = lists.with_columns(number=pl.int_ranges(pl.col("captions").list.len()))
        names = ("captions", "source_start_s", "source_end_s", "score", "number")
        said = pl.col("captions")
        return counted.explode(*names).select(
            "row",
            "source_start_s",
            "source_end_s",
            id=pl.format("{}.{}", "videoID", "number"),
            source_group="videoID",
            captions=_alone(said.str.slice(1, said.str.len_chars() - 2)),
            score=pl.col("score").cast(pl.Float64),
        )

    def alone(self, place: str, cells: Cells) -> Iterator[RawRow]:
        video, lists = cells["videoID"], {}
        for name in self.columns[1:]:
            try:
                lists[name] = _listed(cells[name])
            except ValueError:
                fault = f"key '{name}': found {shown(cells[name])}, expected a list"
                yield RawRow(place, {"id": video}, fault)
                return
        times, captions, scores = lists.values()
        if not times:
            yield RawRow(place, {"id": video}, "key 'timestamp': no times, so no clips")
            return
        # An empty cell says nothing of the video's clips; one that says less than others is wrong.
        captions = captions if cells["caption"] else [""] * len(times)
        scores = scores if cells["matching_score"] else [None] * len(times)
        if not len(times) == len(captions) == len(scores):
            fault = (
                f"lists of differing length: {len(captions)} captions, {len(times)} times,"
                f" {len(scores)} scores"
            )
            yield RawRow(place, {"id": video}, fault)
            return
        for number, (time, caption, score) in enumerate(zip(times, captions, scores, strict=True)):
            pair = time if isinstance(time, list | tuple) and len(time) == 2 else None
            values = {
                "id": f"{video}.{number}" if video else None,
                "source_group": video,
                "captions": [caption],
                "source_start_s": pair[0] if pair else None,
                "source_end_s": pair[1] if pair else None,
                "score": score,
            }
            fault = f"key 'timestamp': found {shown(time)}, expected start and end"
            yield RawRow(place, values, None if pair else fault)


class _WebVid:
    columns = ["videoid", "name", "contentUrl"]
    keys = _KEYS["webvid"]
    rows = BATCH

    def ordinary(self) -> pl.Expr:
        address = r"^https://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w/.%-]*[\w.%-]$"
        source = pl.col("contentUrl")
        return (
            pl.col("videoid").str.contains(_NAME)
            & pl.col("name").str.contains(r"^[ -~]*[!-~][ -~]*$")
            & source.str.contains(address)
            & ~source.str.contains(r"youtu|^https://www\.")
        ).fill_null(False)

    def clips(self, rows: pl.DataFrame) -> pl.DataFrame:
        captions = _alone(pl.col("name"))
        return rows.select("row", id="videoid", source_group="contentUrl", captions=captions)

    def alone(self, place: str, cells: Cells) -> Iterator[RawRow]:
        values = {
            "id": cells["videoid"],
            "source_group": cells["contentUrl"],
            "captions": [cells["name"] or ""],
        }
        yield RawRow(place, values)


def _alone(caption: pl.Expr) -> pl.Expr:
    """Lists of one caption; none for a blank one."""
    return pl.concat_list(caption).list.filter(pl.element().str.contains(r"\S"))


def _times(cell: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Starts and ends of Panda-70M's pairs, in seconds."""
    times = cell.str.extract_all(_TIME)
    part = pl.element().str.split(":").list
    numbers = [part.get(at, null_on_oob=True).cast(pl.Float64, strict=False) for at in range(3)]
    seconds = times.list.eval(numbers[0] * 3600 + numbers[1] * 60 + numbers[2])
    return seconds.list.gather_every(2), seconds.list.gather_every(2, 1)


def _listed(cell: str | None) -> list[Any]:
    """The list that a cell holds in Python's notation, or in JSON's. Raises ValueError."""
    if cell is None or not cell.strip():
        return []
    try:
        found = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise ValueError("no list") from error
    if not isinstance(found, list | tuple):
        raise ValueError("no list")
    return list(found)
