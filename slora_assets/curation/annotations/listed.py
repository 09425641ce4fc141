"""Lists beside the annotations: CSV files of which each line says something of one clip."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

from slora_assets.config.errors import IntegrityError
from slora_assets.config.text import tidy
from slora_assets.curation.annotations.opened import text_of
from slora_assets.curation.annotations.values import ValueFault

Said = TypeVar("Said")


def read_list(
    path: Path,
    columns: Sequence[str],
    said: Callable[[list[str | None]], Said],
    *,
    what: str,
    setting: str,
) -> Iterator[Said]:
    """What `said` makes of the cells under `columns` in each line; None for one that a short line
    doesn't have. Errors tell `what` the list is, and which `setting` named it.

    Raises IntegrityError for a file without these columns or with a line that can't be read: it may
    be one that forbids something.
    """
    rows = csv.reader(StringIO(text_of(path), newline=""))

    def wrong(what_is: str) -> IntegrityError:
        remedy, line = "correct the line of the list", rows.line_num
        return IntegrityError(what_is, file=path, line=line, key=columns[-1], remedy=remedy)

    try:
        head = [tidy(name) for name in next(rows, [])]
        if missing := [name for name in columns if name not in head]:
            raise IntegrityError(
                f"the {what} has no column '{missing[0]}'",
                file=path,
                found=", ".join(head) if any(head) else "an empty file",
                expected=f"a line with the columns' names ({', '.join(columns)}), and below it a"
                " clip in each line",
                remedy=f"name the columns, or name another list under {setting}",
            )
        at = [head.index(name) for name in columns]
        for row in filter(None, rows):
            if len(row) > len(head):
                raise wrong(f"{len(row)} cells, where the header has {len(head)}")
            yield said([row[one] if one < len(row) else None for one in at])
    except ValueFault as fault:
        raise wrong(str(fault)) from fault
    except csv.Error as error:
        raise wrong(f"can't be read as CSV ({error})") from error
