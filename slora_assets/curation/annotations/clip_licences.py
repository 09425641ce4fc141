"""Licences of single clips, where a dataset's footage is not all under one: lists beside the
annotations."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Final

from slora_assets.config.errors import ConfigError, IntegrityError
from slora_assets.config.text import tidy
from slora_assets.curation.annotations.opened import text_of
from slora_assets.curation.annotations.values import ValueFault, as_id, as_text

_COLUMNS: Final = ("video_id", "licence")


def read_clip_licences(files: list[Path]) -> dict[str, str]:
    """By clip id, the licences that CSV files with the columns `video_id` and `licence` list.

    Raises ConfigError for a clip with two licences, IntegrityError for a file without these columns
    or with a row that can't be read: it may be one that forbids something.
    """
    listed: dict[str, tuple[str, Path]] = {}
    for path in files:
        for identity, licence in _rows(path):
            before, where = listed.setdefault(identity, (licence, path))
            if before != licence:
                raise ConfigError(
                    f"a clip has two licences; {where} has it under {before}",
                    file=path,
                    key=identity,
                    found=licence,
                    remedy="correct the lists under 'clip_licences' in the dataset's YAML",
                )
    return {identity: licence for identity, (licence, _) in listed.items()}


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    rows = csv.reader(StringIO(text_of(path), newline=""))
    try:
        head = [tidy(name) for name in next(rows, [])]
        if missing := [name for name in _COLUMNS if name not in head]:
            raise IntegrityError(
                f"the list of licences has no column '{missing[0]}'",
                file=path,
                found=", ".join(head) if any(head) else "an empty file",
                expected=f"a line with the columns' names: {', '.join(_COLUMNS)}",
                remedy="name the columns, or name another list under clip_licences",
            )
        at = [head.index(name) for name in _COLUMNS]
        for row in rows:
            if not row:
                continue
            if len(row) != len(head):
                raise _bad(
                    path, rows.line_num, f"{len(row)} cells, where the header has {len(head)}"
                )
            identity, licence = as_id(row[at[0]]), as_text(row[at[1]])
            if licence is None:
                raise _bad(path, rows.line_num, f"{identity} has no licence")
            yield identity, licence
    except ValueFault as fault:
        raise _bad(path, rows.line_num, str(fault)) from fault
    except csv.Error as error:
        raise _bad(path, rows.line_num, f"can't be read as CSV ({error})") from error


def _bad(path: Path, line: int, what: str) -> IntegrityError:
    return IntegrityError(
        what, file=path, line=line, key="licence", remedy="correct the line of the list"
    )
