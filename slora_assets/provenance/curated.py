"""Where clips are: in the curation's documents, or in the Parquet files that these name. Whoever
reads clips reads them here, a scenario's or one after the other, and needn't know which it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from heapq import merge
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    Clip,
    ClipShard,
    MetadataSummary,
    ScenarioManifest,
    ScenarioMetadata,
)
from slora_assets.provenance.clip_tables import (
    FOLDER,
    is_there,
    read_columns,
    read_shards,
)
from slora_assets.provenance.parquet import remove_unnamed
from slora_assets.provenance.records import read_document
from slora_assets.provenance.stat_cache import file_stamp

if TYPE_CHECKING:
    import polars as pl


class Curated:
    """What curation left: its summary at once, its clips when they are asked for."""

    def __init__(self, document: ScenarioMetadata, folder: Path) -> None:
        """`folder`: of the document."""
        self.summary: MetadataSummary = document
        self._document, self._folder = document, folder

    @property
    def count(self) -> int:
        """Of all clips."""
        shards = self.summary.shards
        if shards is None:
            return len(self._document.clips)
        return sum(shard.clips for found in shards.values() for shard in found)

    def is_whole(self) -> bool:
        """Whether each shard, where there are any, has the bytes that the document names."""
        shards = (shard for found in (self.summary.shards or {}).values() for shard in found)
        return all(is_there(self._folder, shard) for shard in shards)

    def of_scenario(self, scenario: str) -> list[Clip]:
        """A scenario's clips, by id; those of others are not read. Raises MissingInputError,
        IntegrityError."""
        if self.summary.shards is None:
            return self._document.of_scenario(scenario)
        return list(read_shards(self._folder, self.summary.shards.get(scenario, ())))

    def columns(self, scenario: str, *names: str) -> pl.DataFrame | None:
        """Some columns of a scenario's clips, by id, where they stand in shards: a few of them are
        read in a fraction of the time. Raises as `of_scenario` does."""
        if self.summary.shards is None:
            return None
        return read_columns(self._folder, self.summary.shards.get(scenario, ()), [*names])

    def captions(self) -> Iterator[str]:
        """All captions of all clips, by the clips' ids. Raises as `of_scenario` does."""
        for _, captions in self.fields("captions"):
            yield from captions

    def fields(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """The id and some fields of each clip, by id: from shards in a fraction of the time that
        whole clips take. Raises as `of_scenario` does."""
        if self.summary.shards is None:
            values = attrgetter("id", *names)
            yield from (values(clip) for clip in self._document.clips)
            return
        found = self.summary.shards.values()
        tables = (_rows(self._folder, shards, ["id", *names]) for shards in found)
        yield from merge(*tables, key=itemgetter(0))

    def by_id(self, ids: Collection[str], likely: Iterable[str] = ()) -> dict[str, Clip]:
        """Those of the clips that are there. Scenarios that are `likely` to have them are looked
        at first, and others only for what is missing. Raises as `of_scenario` does."""
        found: dict[str, Clip] = {}
        if self.summary.shards is None:
            return {clip.id: clip for clip in self._document.clips if clip.id in ids}
        for scenario in dict.fromkeys([*likely, *self.summary.shards]):
            if len(found) < len(ids):
                shards = self.summary.shards.get(scenario, ())
                mine = read_shards(self._folder, shards)
                found |= {clip.id: clip for clip in mine if clip.id in ids}
        return found

    def whole(self) -> ScenarioMetadata:
        """The document with all clips in it, wherever they are. Raises as `of_scenario` does."""
        if self.summary.shards is None:
            return self._document
        return self._document.model_copy(update={"clips": [*self.clips()], "shards": None})

    def clips(self) -> Iterator[Clip]:
        """All clips by id; of each scenario a shard is in memory. Raises as `of_scenario` does."""
        if self.summary.shards is None:
            yield from self._document.clips
            return
        tables = (read_shards(self._folder, shards) for shards in self.summary.shards.values())
        yield from merge(*tables, key=attrgetter("id"))


def _rows(folder: Path, shards: Iterable[ClipShard], names: list[str]) -> Iterator[tuple[Any, ...]]:
    for shard in shards:
        yield from read_columns(folder, [shard], names).iter_rows()


def curated_now(workspace: Workspace) -> Curated:
    """What curation left, its document read once for as long as it stays as it is. Raises
    MissingInputError, IntegrityError."""
    return curated_at(workspace.scenario_metadata)


def curated_at(file: Path) -> Curated:
    """The same, by the document's file."""
    return _curated_at(file, file_stamp(file))


@lru_cache(maxsize=1)
def _curated_at(file: Path, stamp: tuple[int, ...]) -> Curated:
    """The document as it stood at `stamp`, read once for all scenarios."""
    what = "a scenario metadata document"
    document = read_document(file, ScenarioMetadata, what=what, remedy="run `make data`")
    return Curated(document, file.parent)


def read_metadata(file: Path) -> ScenarioMetadata:
    """The curation's document with all clips in it, wherever they are: for few of them, and for
    tests. Raises MissingInputError, IntegrityError."""
    return curated_at(file).whole()


def manifest_at(file: Path, remedy: str) -> ScenarioManifest:
    """A manifest as its file has it: without clips where these stand in shards. Raises
    MissingInputError, IntegrityError."""
    return read_document(file, ScenarioManifest, what="a scenario's manifest", remedy=remedy)


def whole_manifest(manifest: ScenarioManifest, metadata: Path) -> ScenarioManifest:
    """A manifest with its clips in it, wherever they are; `metadata` is the folder that shards lie
    below. Raises MissingInputError, IntegrityError."""
    if manifest.shards is None:
        return manifest
    clips = list(read_shards(metadata, manifest.shards))
    return manifest.model_copy(update={"clips": clips, "shards": None})


def remove_old_shards(workspace: Workspace) -> None:
    """Remove shards that neither the metadata nor a manifest names."""
    if not (workspace.metadata / FOLDER).is_dir():
        return
    found = curated_now(workspace).summary.shards or {}
    shards = [shard for of_one in found.values() for shard in of_one]
    for file in workspace.manifests.glob("[!.]*.json"):
        shards += manifest_at(file, "run `make preprocess`").shards or ()
    remove_unnamed(workspace.metadata, FOLDER, {shard.path for shard in shards})
