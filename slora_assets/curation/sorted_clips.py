"""Clips that scenarios get, as columns: a million of them fit, where a million objects don't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

_AT_ONCE: Final = 8192


class KeptClips:
    """Rows of annotations, each with the scenario that it belongs to and its file."""

    def __init__(self) -> None:
        self._tables: list[pl.DataFrame] = []

    def keep(self, clips: pl.DataFrame) -> None:
        """Take these."""
        if len(clips):
            self._tables.append(clips)

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def by_id(self) -> Iterator[pl.DataFrame]:
        """All of them by id, some at a time."""
        if not self._tables:
            return
        # One allocation for all: rows are gathered from it in another order.
        self._tables = [pl.concat(self._tables, rechunk=True)]
        table = self._tables[0]
        order = table["id"].arg_sort()
        for at in range(0, len(order), _AT_ONCE):
            yield table[order[at : at + _AT_ONCE]]
