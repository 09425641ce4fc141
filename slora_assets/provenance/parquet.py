"""Parquet files that a document names, by path below its folder and by hash: written with the same
bytes for the same rows, read only where they have the bytes that are named.

A file's name is its content's, so documents of different age can name files side by side, and the
rename of the document is the commit.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.provenance.files import write_bytes
from slora_assets.provenance.hashing import sha256_bytes

if TYPE_CHECKING:
    import polars as pl

_NAMED_BY: Final = 32
"""Characters of its hash that name a file."""


def write_table(table: pl.DataFrame, metadata: Path, folder: str) -> tuple[str, str]:
    """Write a table as one row group; returns its path below `metadata`, in `folder`, and the
    SHA-256 of its bytes."""
    made = io.BytesIO()
    # Nothing that a machine decides: the same rows are the same bytes.
    table.rechunk().write_parquet(
        made,
        compression="zstd",
        compression_level=3,
        statistics=False,
        row_group_size=max(len(table), 1),
    )
    data = made.getvalue()
    sha256 = sha256_bytes(data)
    path = f"{folder}/{sha256[:_NAMED_BY]}.parquet"
    write_bytes(metadata / path, data)
    return path, sha256


def read_table(
    file: Path, sha256: str, what: str, remedy: str, columns: list[str] | None = None
) -> pl.DataFrame:
    """A table, or some columns of it. Raises MissingInputError, and IntegrityError for other bytes
    than its document says; `what` says for people what it holds ("clips")."""
    import polars as pl

    return pl.read_parquet(io.BytesIO(named_bytes(file, sha256, what, remedy)), columns=columns)


def named_bytes(file: Path, sha256: str, what: str, remedy: str) -> bytes:
    """The bytes of a file, if they are those that its document names. Raises as `read_table`
    does."""
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{what} that a document names are not there", file=file, remedy=remedy
        ) from error
    found = sha256_bytes(data)
    if found != sha256:
        raise IntegrityError(
            f"the {what} are not those that the document names",
            file=file,
            found=found,
            expected=sha256,
            remedy=remedy,
        )
    return data


def remove_unnamed(metadata: Path, folder: str, named: Collection[str]) -> None:
    """Remove tables in `folder`, or in folders of it, but those that documents name, by their paths
    below `metadata`."""
    for file in (metadata / folder).rglob("*.parquet"):
        if file.relative_to(metadata).as_posix() not in named:
            file.unlink(missing_ok=True)
    for place in (*(metadata / folder).glob("*"), metadata / folder):
        with suppress(OSError):  # a file, there is something in it, or nothing was ever there
            place.rmdir()
