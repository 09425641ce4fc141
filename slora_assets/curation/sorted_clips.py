"""Clips that scenarios get, as columns until a clip is asked for: a million of them fit, where a
million objects don't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from slora_assets.curation.matching import Assignment

_AT_ONCE: Final = 2048
_ASSIGNED: Final = pl.Schema(
    {"scenario": pl.String(), "matching": pl.List(pl.UInt32), "runners_up": pl.List(pl.String)}
)


class KeptClips:
    """Rows of annotations, each with the scenario that it belongs to."""

    def __init__(self) -> None:
        self._tables: list[pl.DataFrame] = []

    def keep(self, batch: pl.DataFrame, outcomes: Sequence[tuple[int, Assignment]]) -> None:
        """Take these rows of a batch."""
        if not outcomes:
            return
        told = [(one.scenario, one.matching, one.runners_up) for _, one in outcomes]
        rows = batch[[row for row, _ in outcomes]]
        self._tables.append(rows.hstack(pl.DataFrame(told, _ASSIGNED, orient="row")))

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def by_id(self) -> Iterator[tuple[dict[str, Any], Assignment]]:
        """All of them by id, as rows; a few are objects at a time."""
        if not self._tables:
            return
        # One allocation for all: rows are gathered from it in another order.
        self._tables = [pl.concat(self._tables, rechunk=True)]
        table = self._tables[0]
        order = table["id"].arg_sort()
        for at in range(0, len(order), _AT_ONCE):
            for row in table[order[at : at + _AT_ONCE]].iter_rows(named=True):
                name, matching, others = (row.pop(key) for key in _ASSIGNED)
                yield row, Assignment(name, tuple(matching), tuple(others))
