"""The table that every reader yields, and how it is made from lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

SCHEMA: Final = pl.Schema(
    {
        "id": pl.String(),
        "source_group": pl.String(),
        "captions": pl.List(pl.String()),
        "official_split": pl.String(),
        "source_start_s": pl.Float64(),
        "source_end_s": pl.Float64(),
        "category": pl.String(),
        "score": pl.Float64(),
        "fault": pl.String(),
    }
)
"""`source_group` is the source video (URL): clips of one group never fall on both sides of a split.
`official_split` is `train`, `validate` or `test` where the dataset has one. Start and end are the
clip's place in the source video, in seconds; the files are already cut to it. `score` is how well
the caption fits, in the dataset's own units. `fault` says why the row can't be used, where it
can't; its source and split still count for other clips of the source."""

BATCH: Final = 100_000
"""Rows a batch: large enough for vectors, small enough for flat memory."""


def batches(columns: Mapping[str, Sequence[Any]]) -> Iterator[pl.DataFrame]:
    """Tables of SCHEMA from lists of equal length; columns that are not named are null."""
    length = len(columns["id"])
    for start in range(0, length, BATCH) or [0]:
        part = {name: values[start : start + BATCH] for name, values in columns.items()}
        texts = {"captions": text_lists(part.pop("captions"))} if "captions" in part else {}
        table = pl.DataFrame(part, schema={name: SCHEMA[name] for name in part})
        yield conform(table.with_columns(**texts))


def text_lists(texts: Sequence[Sequence[str]]) -> pl.Series:
    """A column of lists, taken apart by polars: made of Python's lists it takes ten times as long.
    No caption holds the character that parts them, which is none that can be seen."""
    joined = pl.Series(["\0".join(one) if one else None for one in texts], dtype=pl.String)
    return joined.str.split("\0").fill_null([])


def conform(table: pl.DataFrame) -> pl.DataFrame:
    """The table with all columns of SCHEMA, in its order."""
    return table.select(
        pl.col(name).cast(kind) if name in table.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    )
