"""Clips in Parquet, by scenario and shard: `data/metadata/clips/<scenario>/<hash>.parquet`.

Who reads clips goes through `curated.py`.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.documents import Clip, ClipShard
from slora_assets.provenance.parquet import named_bytes, read_table, write_table

if TYPE_CHECKING:
    import polars as pl

FOLDER: Final = "clips"
"""Below the folder of the metadata."""
SHARD_CLIPS: Final = 8192
"""Most clips of a shard: some 8 MB in memory, a fraction of it on disk."""

_WHAT: Final = "clips"
_REMEDY: Final = "run `make data preprocess`"


class ClipTables:
    """Takes clips in tables of `clip_schema`, each scenario's by id, and leaves shards."""

    def __init__(self, metadata: Path) -> None:
        """`metadata`: the documents' folder."""
        self._folder = metadata
        self._waiting: defaultdict[str, list[pl.DataFrame]] = defaultdict(list)
        self._shards: defaultdict[str, list[ClipShard]] = defaultdict(list)

    def add(self, clips: pl.DataFrame) -> None:
        """The next clips of their scenarios."""
        for (scenario,), mine in clips.group_by("scenario", maintain_order=True):
            waiting = self._waiting[str(scenario)]
            waiting.append(mine)
            if sum(map(len, waiting)) >= SHARD_CLIPS:
                self._write(str(scenario))

    def shards(self) -> dict[str, list[ClipShard]]:
        """All shards by scenario, once all clips were added."""
        for scenario in self._waiting:
            self._write(scenario, last=True)
        return dict(sorted(self._shards.items()))

    def _write(self, scenario: str, last: bool = False) -> None:
        """Write whole shards, and what is left over if it is the last."""
        import polars as pl

        if not self._waiting[scenario]:
            return
        clips = pl.concat(self._waiting[scenario])
        for first in range(0, len(clips), SHARD_CLIPS):
            part = clips[first : first + SHARD_CLIPS]
            if len(part) < SHARD_CLIPS and not last:
                self._waiting[scenario] = [part]
                return
            path, sha256 = write_table(part, self._folder, f"{FOLDER}/{scenario}")
            self._shards[scenario].append(ClipShard(path=path, sha256=sha256, clips=len(part)))
        self._waiting[scenario] = []


def table_of(clips: Iterable[Clip]) -> pl.DataFrame:
    """Clips as columns."""
    import polars as pl

    # Lists in lists are columns this way many times sooner than from Python's.
    lines = "\n".join(clip.model_dump_json() for clip in clips)
    schema = clip_schema()
    return pl.read_ndjson(io.BytesIO(lines.encode()), schema=schema) if lines else schema.to_frame()


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
    for shard in shards:
        table = read_table(metadata / shard.path, shard.sha256, _WHAT, _REMEDY)
        for row in table.iter_rows(named=True):
            yield Clip.model_validate(row)


def read_columns(metadata: Path, shards: Iterable[ClipShard], names: list[str]) -> pl.DataFrame:
    """Some columns of shards. Raises as `read_shards` does."""
    import polars as pl

    tables = (
        read_table(metadata / shard.path, shard.sha256, _WHAT, _REMEDY, names) for shard in shards
    )
    return pl.concat([clip_schema().to_frame().select(names), *tables])


def is_there(metadata: Path, shard: ClipShard) -> bool:
    """Whether a shard has the bytes that its document names."""
    try:
        named_bytes(metadata / shard.path, shard.sha256, _WHAT, _REMEDY)
    except (MissingInputError, IntegrityError):
        return False
    return True
