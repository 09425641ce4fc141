"""Official splits that stand in files of their own, such as MSR-VTT's 7k, 9k and JSFusion lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.splits import OfficialSplit
from slora_assets.curation.annotations.listed import read_list
from slora_assets.curation.annotations.values import as_id


def read_split_files(files: Mapping[OfficialSplit, list[Path]]) -> pl.DataFrame | None:
    """`id` and `official_split` of the clips that CSV files with a column `video_id` list.

    None without files. Raises ConfigError for a clip in two splits, MissingInputError for a file
    that is absent, IntegrityError as `read_list` does.
    """
    listed: dict[str, tuple[OfficialSplit, Path]] = {}
    for split, paths in files.items():
        for path in paths:
            if not path.is_file():
                raise MissingInputError("the split file does not exist", file=path, key=split)
            of = {"what": "list of a split", "setting": "official_splits"}
            for identity in read_list(path, ("video_id",), lambda cells: as_id(cells[0]), **of):
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
