"""Official splits that stand in files of their own, such as MSR-VTT's 7k, 9k and JSFusion lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.splits import OfficialSplit
from slora_assets.curation.annotations.listed import read_list
from slora_assets.curation.annotations.values import as_id


@dataclass
class SplitLists:
    """Lists of splits, and which of them have not named a clip of the dataset yet."""

    table: pl.DataFrame
    """`id` and `official_split`."""
    named: dict[Path, pl.Series]
    """File to the ids that it lists."""
    _unmet: set[Path] = field(init=False)
    _example: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._unmet = set(self.named)

    def put_into(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with the splits of the clips that a list names."""
        ids = batch.filter(pl.col("fault").is_null())["id"]
        if len(ids):
            self._example = self._example or str(ids[0])
            self._unmet = {file for file in self._unmet if not self.named[file].is_in(ids).any()}
        return batch.update(self.table, on="id", how="left")

    def refuse_unmet(self) -> None:
        """After the last batch: raise ConfigError for a list that named no clip of a dataset that
        has some. Its clips would be split as if nobody had held them out."""
        for file, ids in self.named.items():
            if self._example is not None and file in self._unmet:
                raise ConfigError(
                    "the list of a split names no clip of the dataset",
                    file=file,
                    key="video_id",
                    found=f"{ids[0]!r} and {len(ids) - 1} more" if len(ids) else "no clip",
                    expected=f"ids as the annotations have them, such as {self._example!r}",
                    remedy="correct the list, or leave it out of 'official_splits' in the"
                    " dataset's YAML",
                )


def read_split_files(files: Mapping[OfficialSplit, list[Path]]) -> SplitLists | None:
    """The clips that CSV files with a column `video_id` list.

    None without files. Raises ConfigError for a clip in two splits, MissingInputError for a file
    that is absent, IntegrityError as `read_list` does.
    """
    listed: dict[str, tuple[OfficialSplit, Path]] = {}
    named: dict[Path, pl.Series] = {}
    for split, paths in files.items():
        for path in paths:
            if not path.is_file():
                raise MissingInputError("the split file does not exist", file=path, key=split)
            of = {"what": "list of a split", "setting": "official_splits"}
            ids = list(read_list(path, ("video_id",), lambda cells: as_id(cells[0]), **of))
            named[path] = pl.Series(ids, dtype=pl.String)
            for identity in ids:
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
    schema = {"id": pl.String, "official_split": pl.String}
    return SplitLists(pl.DataFrame(table, schema=schema), named)
