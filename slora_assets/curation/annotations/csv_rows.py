"""Rows of a CSV become clips: ordinary ones as vectors, every other by the rules of all readers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import polars as pl

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.curation.annotations.batches import SCHEMA, conform
from slora_assets.curation.annotations.opened import opened
from slora_assets.curation.annotations.rows import Faults, RawRow, clip_of

_ODD: Final = "why the row is odd"
Cells = dict[str, str | None]
"""Of one row, by column."""


class CsvFormat(Protocol):
    """How the rows of one CSV become clips."""

    columns: list[str]
    keys: dict[str, str]
    rows: int

    def ordinary(self) -> pl.Expr:
        """Whether a row can be read as a vector."""

    def clips(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The clips of ordinary rows, with `row`."""

    def alone(self, place: str, cells: Cells) -> Iterator[RawRow]:
        """The clips of any row."""


def clips_of(file: Path, kind: CsvFormat, max_share: float) -> Iterator[pl.DataFrame]:
    """The clips of a CSV in batches, in the order of its rows."""
    faults, count = Faults(file, max_share), 0
    for first, rows in _batches(file, kind):
        rows = rows.with_row_index("row", first)
        fit = rows.select(kind.ordinary()).to_series()
        if _ODD in rows.columns:
            fit &= rows[_ODD].is_null()
        tables = [_conformed(kind.clips(rows.filter(fit)))]
        found: list[dict[str, Any]] = []
        for cells in rows.filter(~fit).iter_rows(named=True):
            # The row's own number: how many lines of the file it takes, quotation marks decide.
            number, odd = cells.pop("row"), cells.pop(_ODD, None)
            place = f"row {number + 1}"
            bad = RawRow(place, {"id": cells[kind.keys["id"]]}, odd)
            for raw in [bad] if odd else kind.alone(place, cells):
                found.append({"row": number} | clip_of(file, raw, kind.keys))
        for one in found:
            if one["fault"] is not None:
                faults.note(one["fault"])
        if found:
            schema = pl.Schema({"row": pl.UInt32(), **SCHEMA})
            tables.append(_conformed(pl.DataFrame(found, schema)))
        table = pl.concat(tables).sort("row", maintain_order=True).drop("row")
        count += len(table)
        yield table
    faults.check(count)


def _conformed(table: pl.DataFrame) -> pl.DataFrame:
    return conform(table).with_columns(table["row"].cast(pl.UInt32))


def _batches(file: Path, kind: CsvFormat) -> Iterator[tuple[int, pl.DataFrame]]:
    """The columns of a CSV as texts, with the number of each batch's first row.

    Where polars gives up, at a row with more cells than there are columns or at bytes that are no
    UTF-8, the rest is read row by row. Raises MissingInputError, IntegrityError.
    """
    if not file.is_file():
        raise MissingInputError(
            "the annotation file does not exist",
            file=file,
            remedy="correct 'annotations' in the dataset's YAML, or provide the file",
        )
    done = 0
    try:
        table = pl.scan_csv(file, infer_schema=False, low_memory=True)
        head = table.collect_schema().names()
        slow = not {*kind.columns} <= {*head}  # by a mark, an encoding or blanks in its first line
        batches = () if slow else table.select(kind.columns).collect_batches(chunk_size=kind.rows)
        for rows in batches:
            yield done, rows
            done += len(rows)
    except pl.exceptions.PolarsError:
        slow = True
    except OSError as error:
        raise IntegrityError(f"can't be read ({error.strerror or error})", file=file) from error
    if slow:
        for rows in _slowly(file, kind, done):
            yield done, rows
            done += len(rows)


def _slowly(file: Path, kind: CsvFormat, done: int) -> Iterator[pl.DataFrame]:
    """The rows after the first `done`. Of a row with too many cells nothing is taken, as nobody
    knows which of them are wrong."""
    schema = pl.Schema(dict.fromkeys([*kind.columns, _ODD], pl.String()))
    with opened(file) as stream:
        text = TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
        try:
            lines = csv.reader(text)
            head = [name.strip() for name in next(lines, [])]
            _refuse_absent(file, kind, head)
            rest = islice((line for line in lines if line), done, None)
            at = [head.index(name) for name in kind.columns]
            while part := list(islice(rest, kind.rows)):
                cells = [_cells(line, at, len(head)) for line in part]
                yield pl.DataFrame(cells, schema, orient="row")
        except csv.Error as error:
            raise IntegrityError(
                f"can't be read as CSV ({error})", file=file, line=lines.line_num
            ) from error
        finally:
            text.detach()


def _cells(line: list[str], at: list[int], columns: int) -> list[str | None]:
    """The cells of a row, and what is odd about it."""
    odd = None
    if len(line) > columns:
        odd = f"{len(line)} cells, where the header has {columns}"
    elif not all(map(_is_text, line)):
        odd = "bytes that are no UTF-8"
    found = [line[one] or None if one < len(line) else None for one in at]
    if odd:
        found = [None if cell is None or not _is_text(cell) else cell for cell in found]
    return [*found, odd]


def _is_text(cell: str) -> bool:
    return not re.search("[\ud800-\udfff]", cell)


def _refuse_absent(file: Path, kind: CsvFormat, there: list[str]) -> None:
    absent = [name for name in kind.columns if name not in there]
    if absent:
        raise IntegrityError(
            "a column is absent",
            file=file,
            key=", ".join(absent),
            found=", ".join(there),
            expected=", ".join(kind.columns),
            remedy="correct 'format' in the dataset's YAML",
        )
