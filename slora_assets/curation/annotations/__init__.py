"""Annotation files in, tables of captioned clips out: one reader per public format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import ConfigError
from slora_assets.config.splits import OfficialSplit
from slora_assets.curation.annotations.csv_tables import read_panda70m, read_webvid
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
    read_vatex,
)
from slora_assets.curation.annotations.official_splits import read_split_files
from slora_assets.curation.annotations.timed_captions import read_msvd, read_timed_captions

Reader = Callable[[Path, float], Iterator[pl.DataFrame]]
"""Takes a file, or a folder, and the share of its rows that may be bad."""

_READERS: dict[str, Reader] = {
    "msrvtt": read_msrvtt,
    "vatex": read_vatex,
    "panda70m": read_panda70m,
    "webvid": read_webvid,
    "captioned_clips": read_captioned_clips,
    "folder": read_folder,
    "timed_captions": read_timed_captions,
    "msvd": read_msvd,
}


def read_annotations(
    dataset: DatasetSettings,
    files: list[Path],
    split_files: Mapping[OfficialSplit, list[Path]],
) -> Iterator[pl.DataFrame]:
    """The clips of a dataset in batches of SCHEMA, in the order of the files; memory stays flat.

    Raises MissingInputError for an absent file, IntegrityError for one that is not of the dataset's
    format or of which too many rows are bad, ConfigError for a clip that two annotations describe,
    and for a list of a split that names no clip.
    """
    reader = _READERS[dataset.format]
    if dataset.mapping is not None:
        reader = partial(read_timed_captions, mapping=dataset.mapping)
    official = read_split_files(split_files)
    seen: list[pl.Series] = []
    for file in files:
        for batch in reader(file, dataset.max_reject_share):
            if official is not None:
                batch = official.put_into(batch)
            seen.append(batch.filter(pl.col("fault").is_null())["id"].hash())
            yield batch
    _check_unique(seen, reader, files, dataset.max_reject_share)
    if official is not None:
        official.refuse_unmet()


def _check_unique(
    seen: list[pl.Series], reader: Reader, files: list[Path], max_share: float
) -> None:
    """Raise ConfigError for an id met twice. Hashes are kept, not ids: 8 bytes per clip."""
    hashes = pl.concat(seen) if seen else pl.Series([], dtype=pl.UInt64)
    if hashes.n_unique() == len(hashes):
        return
    twice = hashes.filter(hashes.is_duplicated()).unique()
    met: set[str] = set()
    for file in files:
        for batch in reader(file, max_share):
            again = pl.col("fault").is_null() & pl.col("id").hash().is_in(twice.implode())
            for identity in batch.filter(again)["id"]:
                if identity in met:
                    raise ConfigError(
                        "two annotations describe one clip",
                        file=file,
                        key=identity,
                        remedy="name each annotation file once, and each clip once in it",
                    )
                met.add(identity)
