"""Annotated clips are sorted into scenarios and splits, a batch at a time, in columns.

Memory holds what a scenario gets and nothing of the rest: rejects are counted and handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.finished_clips import ClipFinisher
from slora_assets.curation.footage_faults import COLUMNS, FootageFaults
from slora_assets.curation.matching import ScenarioMatcher
from slora_assets.curation.sorted_clips import KeptClips
from slora_assets.curation.sources import source_file
from slora_assets.curation.splits import SourceGroups
from slora_assets.curation.taken_down import TAKEN_DOWN, Footage, own_source, taken_down
from slora_assets.curation.told import Counts, Told, scenario_entry
from slora_assets.documents import Clip, DatasetEntry, Inventory, Reject, ScenarioMetadata
from slora_assets.provenance import object_hash
from slora_assets.provenance.clip_tables import ClipTables
from slora_assets.provenance.inventories import files_named

REJECTS = pl.Schema({"id": pl.String(), "reason": pl.String(), "detail": pl.String()})
OnRejects = Callable[[pl.DataFrame], None]
"""Called with each batch's rejects, a table of REJECTS."""
OnClips = Callable[[pl.DataFrame], None]
"""Called with the clips that scenarios get, tables of `clip_schema`."""


def build_metadata(
    dataset: DatasetSettings,
    scenarios: ScenariosSettings,
    batches: Iterable[pl.DataFrame],
    inventory: Inventory,
    workspace: Workspace,
    on_rejects: OnRejects = lambda _: None,
    counts: Counts | None = None,
) -> ScenarioMetadata:
    """Sort batches of annotated clips (readers' SCHEMA) into scenarios and splits; `counts` takes
    what the document has no place for."""
    sorter = Sorter(dataset, scenarios, inventory, workspace, counts)
    for batch in batches:
        on_rejects(sorter.sort(batch))
    return sorter.metadata()


class Sorter:
    """Takes batches; says what scenarios get once it has seen them all."""

    def __init__(
        self,
        dataset: DatasetSettings,
        scenarios: ScenariosSettings,
        inventory: Inventory,
        workspace: Workspace,
        counts: Counts | None = None,
    ) -> None:
        self._dataset, self._scenarios = dataset, scenarios
        self._annotations = inventory.annotations
        self._files = inventory.files
        self._unknown_endings = inventory.unknown_endings
        self._do_not_train = inventory.do_not_train
        self._unusable = {reject.clip_id: reject.reason for reject in inventory.rejects}
        self._taken = taken_down(workspace, dataset.name, dataset.quality.near_duplicate_bits)
        self._matcher = ScenarioMatcher(scenarios.active)
        self._groups = SourceGroups()
        self._finish = ClipFinisher(dataset, scenarios.scenarios, self._groups, workspace)
        self._faults = FootageFaults(dataset)
        self.kept = KeptClips()
        self.unusable: list[Reject] = []
        self.counts = counts or Counts()

    def sort(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Keep what belongs to a scenario; returns the rest with its reasons."""
        batch, taken = self._without_taken(batch)
        self._groups.see(batch)
        bad = batch.filter(pl.col("fault").is_not_null()).select(
            "id", reason=pl.lit("bad_annotation"), detail="fault"
        )
        batch = batch.filter(pl.col("fault").is_null())
        least = self._dataset.min_caption_score
        poor = pl.lit(False) if least is None else (pl.col("score") < least).fill_null(False)
        low = batch.filter(poor).select(
            "id", reason=pl.lit("low_caption_score"), detail=pl.col("score").cast(pl.String)
        )
        batch = batch.filter(~poor)
        hits = self._matcher.hits(batch)
        decided = self._matcher.decide(batch, hits)
        self._count(batch, hits, decided)
        silent = pl.col("captions").list.len() == 0
        why = pl.when(silent).then(pl.lit("no_captions")).otherwise(pl.lit("no_keyword"))
        numbered = batch.with_row_index("row")
        others = numbered.join(decided, on="row", how="anti", maintain_order="left").select(
            "id", reason=why, detail=pl.lit("")
        )
        nobodys = decided.filter(pl.col("reason").is_not_null()).select("row", "reason", "detail")
        refused = pl.concat([nobodys, self._keep(numbered, decided)]).sort("row")
        refused = refused.with_columns(id=batch["id"].gather(refused["row"])).select(*REJECTS)
        every = pl.concat([taken, bad, low, others, refused])
        for reason, count in every.group_by("reason").len().iter_rows():
            self.counts.rejects[reason] += count
        return every

    def _without_taken(self, batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The batch as if what was taken down had never been in it, and that with its reasons."""
        if not self._taken:
            return batch, pl.DataFrame(schema=REJECTS)
        files = files_named(self._files, self._file_names(batch))
        told = batch.select("id", "source_group", "source_start_s", "source_end_s")
        rows = told.hstack(files.select("sha256", "fingerprint")).iter_rows()
        why = pl.Series("detail", [self._why_taken(*row) for row in rows], pl.String)
        gone = batch.select("id", reason=pl.lit(TAKEN_DOWN), detail=why).filter(why.is_not_null())
        self.unusable += [Reject(**row) for row in gone.iter_rows(named=True)]
        return batch.filter(why.is_null()), gone

    def _why_taken(
        self,
        clip_id: str,
        source_group: str,
        start_s: float | None,
        end_s: float | None,
        sha256: str | None,
        fingerprint: str | None,
    ) -> str | None:
        uncut = self._dataset.footage_holds == "sources"
        return self._taken.why(
            Footage(
                clip_id,
                own_source(clip_id, source_group),
                start_s,
                end_s,
                sha256,
                (start_s or 0.0) if uncut else 0.0,
                end_s if uncut else None,
                fingerprint,
            )
        )

    def _count(self, batch: pl.DataFrame, hits: pl.DataFrame, decided: pl.DataFrame) -> None:
        """What the report says of matching, whatever comes of it."""
        captions = batch.select(pl.col("captions").list.len())["captions"].gather(hits["row"])
        agree = hits.select("scenario", agree=pl.col("every").list.len()).with_columns(
            all=pl.col("agree") == captions
        )
        for name, agreeing, all_, clips in agree.group_by(pl.all()).len().iter_rows():
            self.counts.any_caption[name] += clips
            self.counts.agreeing[name][inf if all_ else agreeing] += clips
        for name, clips in decided["scenario"].drop_nulls().value_counts().iter_rows():
            self.counts.matched[name] += clips
        for name, clips in decided["among"].explode().drop_nulls().value_counts().iter_rows():
            self.counts.ambiguous[name] += clips

    def _keep(self, numbered: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
        """Keep clips of scenarios whose footage can be used; returns `row`, `reason` and `detail`
        of the others."""
        mine = decided.filter(pl.col("reason").is_null())
        clips = numbered.join(
            mine.select("row", "scenario", "matching", "runners_up"),
            on="row",
            maintain_order="left",
        )
        names = self._file_names(clips)
        clips = clips.hstack(files_named(self._files, names).select(*COLUMNS))
        why = self._why_not(clips, names)
        for name, reason, count in (
            clips.select("row", "scenario")
            .join(why, on="row")
            .group_by("scenario", pl.col("reason") == "missing")
            .len()
            .iter_rows()
        ):
            (self.counts.missing if reason else self.counts.unusable)[name] += count
        there = why.filter(pl.col("reason") != "missing")
        ids = numbered["id"].gather(there["row"])
        self.unusable += [
            Reject(id=clip_id, reason=reason, detail=detail)
            for clip_id, (_, reason, detail) in zip(ids, there.iter_rows(), strict=True)
        ]
        kept = clips.join(why, on="row", how="anti", maintain_order="left")
        self.kept.keep(kept.drop("row", "score", "fault", *COLUMNS[2:]))
        return why

    def _why_not(self, clips: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
        """`row`, `reason` and `detail` of clips that a scenario doesn't get for their footage;
        `names`: of their files."""
        unusable, other, forbidden = (
            _said_of(names, said)
            for said in (self._unusable, self._unknown_endings, self._do_not_train)
        )
        missing = pl.when(pl.col("path").is_null()).then("scenario")
        reason = (
            pl.when(unusable.is_not_null())
            .then(pl.lit("unusable"))
            .when(other.is_not_null())
            .then(pl.lit("unknown_ending"))
            .when(pl.col("path").is_null())
            .then(pl.lit("missing"))
            .when(forbidden.is_not_null())
            .then(pl.lit("do_not_train"))
        )
        detail = pl.coalesce(unusable, other, missing, forbidden)
        why = clips.select("row", reason=reason, detail=detail)
        asked = clips.filter(why["reason"].is_null()).filter(self._faults.possible())
        faults = [
            (clip["row"], *fault)
            for clip in asked.iter_rows(named=True)
            if (fault := self._faults.of(clip)) is not None
        ]
        found = pl.DataFrame(faults, why.schema, orient="row")
        return pl.concat([why.filter(pl.col("reason").is_not_null()), found]).sort("row")

    def _file_names(self, clips: pl.DataFrame) -> pl.Series:
        """The stems of the files that hold clips."""
        if self._dataset.footage_holds == "clips":
            return clips["id"]
        return pl.Series([source_file(one) for one in clips["source_group"]], dtype=pl.String)

    def tables(self) -> Iterator[pl.DataFrame]:
        """What scenarios get, by id, some clips at a time: tables of `clip_schema`. Splits are
        decided here, when all clips have been seen."""
        return map(self._finish, self.kept.by_id())

    def metadata(self, see: OnClips = lambda _: None) -> ScenarioMetadata:
        """The document with all clips in it; `see` is called with each table of them."""
        clips, told = list[Clip](), Told()
        for table in self.tables():
            told.add(table)
            see(table)
            clips += [Clip(**row) for row in table.iter_rows(named=True)]
        return ScenarioMetadata(**self._summary(told), clips=clips)

    def _summary(self, told: Told) -> dict[str, Any]:
        dataset, counts = self._dataset, self.counts
        return {
            "dataset": DatasetEntry(
                name=dataset.name,
                licence=dataset.licence,
                use=dataset.use,
                annotations=self._annotations,
            ),
            "config_hash": object_hash(self._scenarios.model_dump(mode="json")),
            "dataset_hash": told.hash.hexdigest(),
            "scenarios": {
                name: scenario_entry(settings, name, told.splits[name], counts)
                for name, settings in self._scenarios.scenarios.items()
            },
            "reject_counts": dict(sorted(counts.rejects.items())),
            "rejects": sorted(self.unusable, key=lambda reject: reject.id),
        }

    def in_shards(
        self, folder: Path, licences: Mapping[str, str], see: OnClips
    ) -> ScenarioMetadata:
        """The document without any, once they are in shards below its folder; `licences` has those
        of clips that aren't under the dataset's, `see` is called with each table."""
        tables, told = ClipTables(folder), Told()
        for clips in self.tables():
            clips = clips.with_columns(licence=_said_of(clips["id"], licences))
            told.add(clips)
            tables.add(clips)
            see(clips)
        return ScenarioMetadata(**self._summary(told), clips=[], shards=tables.shards())


def _said_of(names: pl.Series, said: Mapping[str, str]) -> pl.Series:
    """What is said of each, null where nothing is."""
    if not said:
        return pl.repeat(None, len(names), dtype=pl.String, eager=True)
    return names.replace_strict(dict(said), default=None, return_dtype=pl.String)
