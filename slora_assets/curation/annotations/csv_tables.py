"""Readers of CSV annotations, streamed: Panda-70M and WebVid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.curation.annotations.batches import BATCH, conform

_PANDA_ROWS: Final = BATCH // 16
"""Panda-70M has a row per video and some 3 (its 10M subset) to 19 (all of it) clips per row."""
_QUOTED: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
"""A text in Python's notation, which is how Panda-70M writes lists."""
_TIME: Final = r"\d+:\d{2}:\d{2}(?:\.\d+)?"
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"


def read_panda70m(file: Path) -> Iterator[pl.DataFrame]:
    """Panda-70M's CSV: a row per video, with lists of `timestamp`, `caption`, `matching_score`.

    The n-th clip of a video is `<videoID>.<n>`, from 0, as the dataset's own samples are named.
    """
    columns = {"videoID": "videoID", "timestamp": "timestamp", "caption": "caption"}
    for rows in _csv(file, [*columns, "matching_score"], _PANDA_ROWS):
        times = pl.col("timestamp").str.extract_all(_TIME)
        lists = rows.select(
            "videoID",
            captions=pl.col("caption").str.extract_all(_QUOTED),
            starts=times.list.gather_every(2),
            ends=times.list.gather_every(2, 1),
            scores=pl.col("matching_score").str.extract_all(_NUMBER),
        )
        lengths = [pl.col(name).list.len() for name in ("captions", "starts", "ends", "scores")]
        uneven = lists.filter(pl.any_horizontal(one != lengths[0] for one in lengths[1:]))
        if len(uneven):
            raise IntegrityError(
                "lists of differing length in one row",
                file=file,
                key=str(uneven["videoID"][0]),
                found=uneven.select(*lengths).rows()[0],
                expected="as many captions as times and scores",
            )
        clips = lists.with_columns(number=pl.int_ranges(pl.col("captions").list.len())).explode(
            "captions", "starts", "ends", "scores", "number"
        )
        yield conform(
            clips.drop_nulls("captions").select(
                id=pl.format("{}.{}", "videoID", "number"),
                source_group="videoID",
                captions=pl.concat_list(_unquoted(pl.col("captions"))),
                source_start_s=_seconds(pl.col("starts")),
                source_end_s=_seconds(pl.col("ends")),
                score=pl.col("scores").cast(pl.Float64),
            )
        )


def read_webvid(file: Path) -> Iterator[pl.DataFrame]:
    """WebVid's CSV: `videoid`, `name` (the caption), `contentUrl`, a row per video."""
    for rows in _csv(file, ["videoid", "name", "contentUrl"], BATCH):
        yield conform(
            rows.select(
                id="videoid",
                source_group=pl.coalesce("contentUrl", "videoid"),
                captions=pl.concat_list(pl.col("name").fill_null("")),
            )
        )


def _unquoted(text: pl.Expr) -> pl.Expr:
    """What a text in Python's notation says; only quotes and backslashes are ever escaped."""
    inner = text.str.slice(1, text.str.len_chars() - 2)
    return inner.str.replace_all(r"""\\(['"\\])""", "$1")


def _seconds(text: pl.Expr) -> pl.Expr:
    """Seconds of `h:mm:ss.fff`."""
    parts = text.str.split(":").list.eval(pl.element().cast(pl.Float64))
    return parts.list.get(0) * 3600 + parts.list.get(1) * 60 + parts.list.get(2)


def _csv(file: Path, columns: list[str], rows: int) -> Iterator[pl.DataFrame]:
    """Batches of a CSV's columns as texts. Raises MissingInputError, IntegrityError."""
    if not file.is_file():
        raise MissingInputError(
            "the annotation file does not exist",
            file=file,
            remedy="correct 'annotations' in the dataset's YAML, or provide the file",
        )
    with _named(file):
        table = pl.scan_csv(file, infer_schema=False, low_memory=True)
        absent = [name for name in columns if name not in table.collect_schema()]
        if absent:
            raise IntegrityError(
                "a column is absent",
                file=file,
                key=", ".join(absent),
                found=", ".join(table.collect_schema()),
                expected=", ".join(columns),
                remedy="correct 'format' in the dataset's YAML",
            )
        yield from table.select(columns).collect_batches(chunk_size=rows)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise IntegrityError(f"can't be read as CSV ({error})", file=file) from error
