"""Clips in Parquet, by scenario and shard: `data/metadata/clips/<scenario>/<hash>.parquet`.

A file's name is its content's, so documents of different age can name shards side by side, and the
rename of the document is the commit. Who reads clips goes through `curated.py`.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.documents import Clip, ClipShard
from slora_assets.provenance.files import write_bytes
from slora_assets.provenance.hashing import sha256_bytes

if TYPE_CHECKING:
    import polars as pl

FOLDER: Final = "clips"
"""Below the folder of the metadata."""
SHARD_CLIPS: Final = 8192
"""Most clips of a shard: some 8 MB in memory, a fraction of it on disk."""

_AT_ONCE: Final = 512
"""Clips that wait as objects before they become columns."""
_NAMED_BY: Final = 32
"""Characters of its hash that name a shard."""
_REMEDY: Final = "run `make data preprocess`"


class ClipTables:
    """Takes clips, each scenario's by id, and leaves shards."""

    def __init__(self, metadata: Path) -> None:
        """`metadata`: the documents' folder."""
        self._folder = metadata
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)
        self._columns: defaultdict[str, list[pl.DataFrame]] = defaultdict(list)
        self._shards: defaultdict[str, list[ClipShard]] = defaultdict(list)

    def add(self, clip: Clip) -> None:
        """The next clip of its scenario."""
        waiting = self._waiting[clip.scenario]
        waiting.append(clip.model_dump_json())
        if len(waiting) == _AT_ONCE:
            self._set_down(clip.scenario)

    def shards(self) -> dict[str, list[ClipShard]]:
        """All shards by scenario, once all clips were added."""
        for scenario in list(self._waiting):
            self._set_down(scenario)
            if self._columns[scenario]:
                self._write(scenario)
        return dict(sorted(self._shards.items()))

    def _set_down(self, scenario: str) -> None:
        import polars as pl

        waiting, columns = self._waiting[scenario], self._columns[scenario]
        if waiting:
            # Lists in lists are columns this way many times sooner than from Python's.
            lines = io.BytesIO("\n".join(waiting).encode())
            columns.append(pl.read_ndjson(lines, schema=clip_schema()))
            waiting.clear()
        if sum(map(len, columns)) >= SHARD_CLIPS:
            self._write(scenario)

    def _write(self, scenario: str) -> None:
        import polars as pl

        table = pl.concat(self._columns.pop(scenario), rechunk=True)
        made = io.BytesIO()
        # Nothing that a machine decides: the same clips are the same bytes.
        table.write_parquet(
            made,
            compression="zstd",
            compression_level=3,
            statistics=False,
            row_group_size=SHARD_CLIPS,
        )
        data = made.getvalue()
        sha256 = sha256_bytes(data)
        path = f"{FOLDER}/{scenario}/{sha256[:_NAMED_BY]}.parquet"
        write_bytes(self._folder / path, data)
        self._shards[scenario].append(ClipShard(path=path, sha256=sha256, clips=len(table)))


def clip_schema() -> pl.Schema:
    """A clip's columns, as `Clip` has its fields."""
    import polars as pl

    text, texts = pl.String(), pl.List(pl.String)
    evidence = {"matching_captions": texts, "captions": pl.Int64(), "also_matched": texts}
    return pl.Schema(
        {
            "id": text,
            "source_group": text,
            "path": text,
            "sha256": text,
            "start_s": pl.Float64(),
            "end_s": pl.Float64(),
            "source_start_s": pl.Float64(),
            "source_end_s": pl.Float64(),
            "official_split": text,
            "split": text,
            "scenario": text,
            "category": text,
            "evidence": pl.Struct(evidence),
            "captions": texts,
            "prompts": texts,
            "first_frame": text,
            "latent": text,
            "licence": text,
        }
    )


def read_shards(metadata: Path, shards: Iterable[ClipShard]) -> Iterator[Clip]:
    """The clips of shards, one shard in memory at a time. Raises MissingInputError, IntegrityError
    for one with other bytes than its document says."""
    import polars as pl

    for shard in shards:
        table = pl.read_parquet(io.BytesIO(_bytes_of(metadata, shard)))
        for row in table.iter_rows(named=True):
            yield Clip.model_validate(row)


def read_columns(metadata: Path, shards: Iterable[ClipShard], names: list[str]) -> pl.DataFrame:
    """Some columns of shards. Raises as `read_shards` does."""
    import polars as pl

    tables = (
        pl.read_parquet(io.BytesIO(_bytes_of(metadata, shard)), columns=names) for shard in shards
    )
    return pl.concat([clip_schema().to_frame().select(names), *tables])


def is_there(metadata: Path, shard: ClipShard) -> bool:
    """Whether a shard has the bytes that its document names."""
    try:
        _bytes_of(metadata, shard)
    except (MissingInputError, IntegrityError):
        return False
    return True


def _bytes_of(metadata: Path, shard: ClipShard) -> bytes:
    file = metadata / shard.path
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError(
            "clips that a document names are not there", file=file, remedy=_REMEDY
        ) from error
    found = sha256_bytes(data)
    if found != shard.sha256:
        raise IntegrityError(
            "the clips are not those that the document names",
            file=file,
            found=found,
            expected=shard.sha256,
            remedy=_REMEDY,
        )
    return data


def remove_unnamed(metadata: Path, named: Collection[str]) -> None:
    """Remove shards but those that documents name, by their paths below `metadata`."""
    for file in (metadata / FOLDER).glob("*/*.parquet"):
        if file.relative_to(metadata).as_posix() not in named:
            file.unlink(missing_ok=True)
    for folder in (*(metadata / FOLDER).glob("*"), metadata / FOLDER):
        with suppress(OSError):  # there is something in it, or nothing was ever there
            folder.rmdir()
