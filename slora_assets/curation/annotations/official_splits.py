"""Official splits that stand in files of their own, such as MSR-VTT's 7k, 9k and JSFusion lists."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError


def read_split_files(files: dict[str, list[Path]]) -> pl.DataFrame | None:
    """`id` and `official_split` of the clips that CSV files with a column `video_id` list.

    None without files. Raises ConfigError for a clip in two splits, MissingInputError and
    IntegrityError for files that are absent or hold no such column.
    """
    parts = []
    for split, paths in files.items():
        for path in paths:
            if not path.is_file():
                raise MissingInputError("the split file does not exist", file=path, key=split)
            table = pl.read_csv(path, infer_schema=False)
            if "video_id" not in table.columns:
                raise IntegrityError(
                    "no column 'video_id'", file=path, found=", ".join(table.columns)
                )
            parts.append(table.select(id="video_id", official_split=pl.lit(split)).unique())
    if not parts:
        return None
    listed = pl.concat(parts).unique()
    twice = listed.filter(pl.col("id").is_duplicated())
    if len(twice):
        raise ConfigError(
            "a clip is in two splits",
            file=next(iter(files.values()))[0],
            key=twice["id"][0],
            found=", ".join(sorted(twice.filter(pl.col("id") == twice["id"][0])["official_split"])),
            remedy="correct 'official_splits' in the dataset's YAML",
        )
    return listed
