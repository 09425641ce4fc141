"""Official splits that stand in files of their own, such as MSR-VTT's 7k, 9k and JSFusion lists."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

import polars as pl

from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets.config.splits import OfficialSplit
from slora_assets.curation.annotations.opened import text_of
from slora_assets.curation.annotations.values import ValueFault, as_id


def read_split_files(files: Mapping[OfficialSplit, list[Path]]) -> pl.DataFrame | None:
    """`id` and `official_split` of the clips that CSV files with a column `video_id` list.

    None without files. Raises ConfigError for a clip in two splits, MissingInputError and
    IntegrityError for files that are absent, hold no such column or a row that can't be read: it
    may be one that is held out.
    """
    listed: dict[str, tuple[OfficialSplit, Path]] = {}
    for split, paths in files.items():
        for path in paths:
            if not path.is_file():
                raise MissingInputError("the split file does not exist", file=path, key=split)
            for identity in _ids(path):
                before, where = listed.setdefault(identity, (split, path))
                if before != split:
                    raise ConfigError(
                        f"a clip is in two splits; {where} has it in {before}",
                        file=path,
                        key=identity,
                        found=f"{before}, {split}",
                        remedy="correct 'official_splits' in the dataset's YAML",
                    )
    if not files or not any(files.values()):
        return None
    table = {"id": list(listed), "official_split": [split for split, _ in listed.values()]}
    return pl.DataFrame(table, schema={"id": pl.String, "official_split": pl.String})


def _ids(path: Path) -> Iterator[str]:
    rows = csv.reader(StringIO(text_of(path), newline=""))
    try:
        head = [name.strip() for name in next(rows, [])]
        if "video_id" not in head:
            raise IntegrityError(
                "the list of a split has no column 'video_id'",
                file=path,
                found=", ".join(head) if any(head) else "an empty file",
                expected="a line with the columns' names, and under 'video_id' a clip in each line",
                remedy="name the column, or name another list under official_splits",
            )
        at = head.index("video_id")
        for row in rows:
            if not row:
                continue
            if len(row) > len(head):
                raise _bad(
                    path, rows.line_num, f"{len(row)} cells, where the header has {len(head)}"
                )
            yield as_id(row[at] if at < len(row) else None)
    except ValueFault as fault:
        raise _bad(path, rows.line_num, str(fault)) from fault
    except csv.Error as error:
        raise _bad(path, rows.line_num, f"can't be read as CSV ({error})") from error


def _bad(path: Path, line: int, what: str) -> IntegrityError:
    return IntegrityError(
        what, file=path, line=line, key="video_id", remedy="correct the line of the list"
    )
