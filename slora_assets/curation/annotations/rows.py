"""The typed row behind all readers: raw values in, tables of SCHEMA out.

A row that breaks a rule keeps what it does say, its split above all, and names the rule in `fault`;
it costs itself and no other, until there are too many of them in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from slora_assets.config.errors import IntegrityError
from slora_assets.config.splits import KNOWN_SPLITS, OfficialSplit, official_split
from slora_assets.curation.annotations.batches import BATCH, batches
from slora_assets.curation.annotations.values import (
    ValueFault,
    as_captions,
    as_id,
    as_number,
    as_seconds,
    as_source,
    as_text,
    shown,
)

_VALUES: Final[Mapping[str, Callable[[object], Any]]] = {
    "id": as_id,
    "source_group": as_source,
    "captions": as_captions,
    "source_start_s": as_seconds,
    "source_end_s": as_seconds,
    "category": as_text,
    "score": as_number,
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """A clip as its file describes it."""

    place: str
    """Where it stands in the file, as people are told: `line 7`."""
    values: Mapping[str, object] = field(default_factory=dict)
    """By SCHEMA's names."""
    fault: str | None = None
    """Why it can't be read at all."""
    counts: bool = True
    """Whether it is a clip; a part of one is counted by its reader."""


class Faults:
    """The rows of one file that can't be used, until they are too many."""

    def __init__(self, file: Path, max_share: float) -> None:
        self._file, self._share = file, max_share
        self._first = ""
        self._count = 0

    def note(self, said: str) -> None:
        """One more; raises IntegrityError where none may be."""
        self._first = self._first or said
        self._count += 1
        if not self._share:
            self.check(1)

    def check(self, rows: int) -> None:
        """Raise IntegrityError when more than the share of so many rows can't be used."""
        if self._count > self._share * rows:
            more = f" (and {self._count - 1} more of {rows})" if self._count > 1 else ""
            raise IntegrityError(
                f"{self._first}{more}",
                file=self._file,
                remedy="correct the annotation, or 'format' in the dataset's YAML; up to"
                " 'max_reject_share' of a file's rows may be bad and are then left out",
            )


def clip_tables(
    file: Path, rows: Iterable[RawRow], max_share: float, keys: Mapping[str, str]
) -> Iterator[pl.DataFrame]:
    """Tables of the rows. `keys` are the format's own names of SCHEMA's.

    Raises IntegrityError for a split that is none, and when more than `max_share` of the rows can't
    be used; with 0 at the first of them.
    """
    faults, count = Faults(file, max_share), 0
    columns = _columns()
    for row in rows:
        one = clip_of(file, row, keys)
        count += row.counts
        if one["fault"] is not None and row.counts:
            faults.note(one["fault"])
        for name, values in columns.items():
            values.append(one[name])
        if len(columns["id"]) == BATCH:
            yield from batches(columns)
            columns = _columns()
    faults.check(count)
    if columns["id"] or not count:
        yield from batches(columns)


def _columns() -> dict[str, list[Any]]:
    return {name: [] for name in (*_VALUES, "official_split", "fault")}


def clip_of(file: Path, row: RawRow, keys: Mapping[str, str]) -> dict[str, Any]:
    """The row by SCHEMA's names. Raises IntegrityError for a split that is none."""
    faults = [row.fault] if row.fault else []
    found: dict[str, Any] = {}
    for name, read in _VALUES.items():
        try:
            value = row.values.get(name)
            found[name] = None if row.fault and value is None else read(value)
        except ValueFault as fault:
            found[name] = None
            faults.append(f"key '{keys.get(name, name)}': {fault}")
    start, end = found["source_start_s"], found["source_end_s"]
    if None not in (start, end) and end <= start:
        key = keys.get("source_end_s", "source_end_s")
        faults.append(f"key '{key}': found {end:g}, expected more than {start:g}")
    said = row.values.get("id")
    place = row.place if found["id"] is None else f"{row.place} ({found['id']})"
    if found["id"] is None:
        found["id"] = f"{row.place}: {shown(said)}" if said is not None else row.place
    found["source_group"] = found["source_group"] or found["id"]
    found["captions"] = found["captions"] or []
    found["official_split"] = _split(file, row, keys)
    return found | {"fault": f"{place}, {faults[0]}" if faults else None}


def _split(file: Path, row: RawRow, keys: Mapping[str, str]) -> OfficialSplit | None:
    said = row.values.get("official_split")
    try:
        return official_split(said)
    except ValueError as error:
        raise IntegrityError(
            f"{row.place}: {error}, so that nobody knows whether its footage is held out",
            file=file,
            key=keys.get("official_split", "split"),
            found=said,
            expected=f"one of {KNOWN_SPLITS}",
            remedy="correct the annotation",
        ) from error
