"""Annotation files in, tables of captioned clips out: one reader per public format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from slora_assets.config.data import DatasetSettings
from slora_assets.config.errors import ConfigError
from slora_assets.curation.annotations.csv_tables import read_panda70m, read_webvid
from slora_assets.curation.annotations.folder import read_folder
from slora_assets.curation.annotations.json_files import (
    read_captioned_clips,
    read_msrvtt,
    read_vatex,
)
from slora_assets.curation.annotations.official_splits import read_split_files

_READERS: dict[str, Callable[[Path], Iterator[pl.DataFrame]]] = {
    "msrvtt": read_msrvtt,
    "vatex": read_vatex,
    "panda70m": read_panda70m,
    "webvid": read_webvid,
    "captioned_clips": read_captioned_clips,
    "folder": read_folder,
}


def read_annotations(
    dataset: DatasetSettings, files: list[Path], split_files: dict[str, list[Path]]
) -> Iterator[pl.DataFrame]:
    """The clips of a dataset in batches of SCHEMA, in the order of the files; memory stays flat.

    Raises MissingInputError for an absent file, IntegrityError for one that is not of the dataset's
    format, ConfigError for a clip that two annotations describe.
    """
    reader = _READERS[dataset.format]
    official = read_split_files(split_files)
    seen: list[pl.Series] = []
    for file in files:
        for batch in reader(file):
            if official is not None:
                batch = batch.update(official, on="id", how="left")
            seen.append(batch["id"].hash())
            yield batch
    _check_unique(seen, reader, files)


def _check_unique(
    seen: list[pl.Series], reader: Callable[[Path], Iterator[pl.DataFrame]], files: list[Path]
) -> None:
    """Raise ConfigError for an id met twice. Hashes are kept, not ids: 8 bytes per clip."""
    hashes = pl.concat(seen) if seen else pl.Series([], dtype=pl.UInt64)
    if hashes.n_unique() == len(hashes):
        return
    twice = hashes.filter(hashes.is_duplicated()).unique()
    met: set[str] = set()
    for file in files:
        for batch in reader(file):
            for identity in batch.filter(pl.col("id").hash().is_in(twice.implode()))["id"]:
                if identity in met:
                    raise ConfigError(
                        "two annotations describe one clip",
                        file=file,
                        key=identity,
                        remedy="name each annotation file once, and each clip once in it",
                    )
                met.add(identity)
