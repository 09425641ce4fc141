"""Annotated clips are sorted into scenarios and splits, a batch at a time.

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
from slora_assets.curation.matching import Assignment, Hits, ScenarioMatcher
from slora_assets.curation.near_duplicates import NearDuplicates
from slora_assets.curation.prompts import prompts_for
from slora_assets.curation.sorted_clips import KeptClips
from slora_assets.curation.sources import source_file
from slora_assets.curation.splits import SourceGroups
from slora_assets.curation.taken_down import TAKEN_DOWN, Footage, own_source, taken_down
from slora_assets.curation.told import Counts, Told, scenario_entry
from slora_assets.documents import (
    Clip,
    DatasetEntry,
    FootageFile,
    Inventory,
    MatchingEvidence,
    Reject,
    ScenarioMetadata,
)
from slora_assets.footage.times import times_fault
from slora_assets.provenance import object_hash
from slora_assets.provenance.clip_tables import ClipTables

REJECTS = pl.Schema({"id": pl.String(), "reason": pl.String(), "detail": pl.String()})
OnRejects = Callable[[pl.DataFrame], None]
"""Called with each batch's rejects, a table of REJECTS."""


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
        self._frames = workspace.relative(workspace.frames(dataset.name))
        self._latents = workspace.relative(workspace.latents)
        self._unknown_endings = inventory.unknown_endings
        self._do_not_train = inventory.do_not_train
        self._unusable = {reject.clip_id: reject for reject in inventory.rejects}
        self._taken = taken_down(workspace, dataset.name, dataset.quality.near_duplicate_bits)
        self._matcher = ScenarioMatcher(scenarios.active)
        self._groups = SourceGroups()
        self.kept = KeptClips()
        self._doubles = NearDuplicates(dataset.quality.near_duplicate_bits or 0)
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
        rejects = [
            taken,
            bad,
            batch.filter(poor).select(
                "id", reason=pl.lit("low_caption_score"), detail=pl.col("score").cast(pl.String)
            ),
        ]
        batch = batch.filter(~poor)
        hits = self._matcher.hits(batch)
        rows = sorted(hits)
        silent = pl.col("captions").list.len() == 0
        why = pl.when(silent).then(pl.lit("no_captions")).otherwise(pl.lit("no_keyword"))
        others = batch.with_row_index("row").filter(~pl.col("row").is_in(rows))
        rejects.append(others.select("id", reason=why, detail=pl.lit("")))
        refused: list[tuple[str, str, str]] = []
        taken_on: list[tuple[int, Assignment]] = []
        for row, clip in zip(rows, batch[rows].iter_rows(named=True), strict=True):
            outcome = self._take(clip, hits[row])
            if isinstance(outcome, Assignment):
                taken_on.append((row, outcome))
            else:
                refused.append((clip["id"], *outcome))
        self.kept.keep(batch, taken_on)
        every = pl.concat([*rejects, pl.DataFrame(refused, REJECTS, orient="row")])
        for reason, count in every.group_by("reason").len().iter_rows():
            self.counts.rejects[reason] += count
        return every

    def _without_taken(self, batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The batch as if what was taken down had never been in it, and that with its reasons."""
        if not self._taken:
            return batch, pl.DataFrame(schema=REJECTS)
        rows = batch.select("id", "source_group", "source_start_s", "source_end_s").iter_rows()
        why = pl.Series("detail", [self._why_taken(*row) for row in rows], pl.String)
        gone = batch.select("id", reason=pl.lit(TAKEN_DOWN), detail=why).filter(why.is_not_null())
        self.unusable += [Reject(**row) for row in gone.iter_rows(named=True)]
        return batch.filter(why.is_null()), gone

    def _why_taken(
        self, clip_id: str, source_group: str, start_s: float | None, end_s: float | None
    ) -> str | None:
        uncut = self._dataset.footage_holds == "sources"
        file = self._files.get(source_file(source_group) if uncut else clip_id)
        return self._taken.why(
            Footage(
                clip_id,
                own_source(clip_id, source_group),
                start_s,
                end_s,
                None if file is None else file.sha256,
                (start_s or 0.0) if uncut else 0.0,
                end_s if uncut else None,
                None if file is None else file.fingerprint,
            )
        )

    def _take(self, clip: dict[str, Any], hits: Hits) -> Assignment | tuple[str, str]:
        """Where a clip that has a keyword goes, or why it isn't taken: reason code and detail."""
        self.counts.any_caption.update(hits.keys())
        for name, found in hits.items():
            agree = len(found.every)
            self.counts.agreeing[name][agree if agree < len(clip["captions"]) else inf] += 1
        outcome = self._matcher.decide(len(clip["captions"]), hits)
        if not isinstance(outcome, Assignment):
            self.counts.ambiguous.update(outcome.among)
            return outcome.reason, outcome.detail
        self.counts.matched[outcome.scenario] += 1
        unusable = self._unusable.get(self._file_name(clip))
        if unusable is not None:
            self.counts.unusable[outcome.scenario] += 1
            self.unusable.append(Reject(id=clip["id"], reason="unusable", detail=unusable.reason))
            return "unusable", unusable.reason
        other = self._unknown_endings.get(self._file_name(clip))
        if other is not None:
            self.counts.unusable[outcome.scenario] += 1
            self.unusable.append(Reject(id=clip["id"], reason="unknown_ending", detail=other))
            return "unknown_ending", other
        if self._file_name(clip) not in self._files:
            self.counts.missing[outcome.scenario] += 1
            return "missing", outcome.scenario
        forbidden = self._do_not_train.get(self._file_name(clip))
        if forbidden is not None:
            fault: tuple[str, str] | None = ("do_not_train", forbidden)
        else:
            fault = self._fault(clip, self._files[self._file_name(clip)])
        if fault is not None:
            self.counts.unusable[outcome.scenario] += 1
            self.unusable.append(Reject(id=clip["id"], reason=fault[0], detail=fault[1]))
            return fault
        return outcome

    def _fault(self, clip: dict[str, Any], file: FootageFile) -> tuple[str, str] | None:
        """Why a readable file isn't taken: reason code, and the score with its limit."""
        dataset, quality = self._dataset, self._dataset.quality
        start, end, lasts = clip["source_start_s"], clip["source_end_s"], file.duration_s
        wrong = times_fault(start or 0.0, end) if dataset.footage_holds == "sources" else None
        if wrong is not None:
            return "bad_times", wrong
        if None not in (start, end, lasts) and dataset.footage_holds == "clips":
            said = end - start
            if abs(said - lasts) > dataset.max_duration_difference_s:
                return "duration_mismatch", f"{lasts:g} s, annotated as {said:g} s"
        if quality.max_cuts is not None and (file.cuts or 0) > quality.max_cuts:
            return "cuts_inside", f"{file.cuts} cuts, at most {quality.max_cuts}"
        if quality.min_motion is not None and (file.motion or 0.0) < quality.min_motion:
            return "too_little_motion", f"{file.motion:g}, at least {quality.min_motion:g}"
        if quality.near_duplicate_bits is not None and file.fingerprint is not None:
            whole = dataset.footage_holds == "clips"
            part = (0.0, None) if whole else (start or 0.0, end)
            return self._doubles.fault(clip["id"], file, part)
        return None

    def _file_name(self, clip: dict[str, Any]) -> str:
        """The stem of the file that holds the clip."""
        if self._dataset.footage_holds == "clips":
            return str(clip["id"])
        return source_file(clip["source_group"])

    def clips(self) -> Iterator[Clip]:
        """What scenarios get, by id. Splits are decided here, when all clips have been seen."""
        return (self._clip(clip, outcome) for clip, outcome in self.kept.by_id())

    def metadata(self) -> ScenarioMetadata:
        """The document with all clips in it."""
        clips, told = list(self.clips()), Told()
        for clip in clips:
            told.add(clip)
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
        self, folder: Path, licences: Mapping[str, str], see: Callable[[Clip], None]
    ) -> ScenarioMetadata:
        """The document without any, once they are in shards below its folder; `licences` has those
        of clips that aren't under the dataset's, `see` is called with each."""
        tables, told = ClipTables(folder), Told()
        for clip in self.clips():
            own = licences.get(clip.id)
            clip = clip if own is None else clip.model_copy(update={"licence": own})
            told.add(clip)
            tables.add(clip)
            see(clip)
        return ScenarioMetadata(**self._summary(told), clips=[], shards=tables.shards())

    def _clip(self, clip: dict[str, Any], outcome: Assignment) -> Clip:
        matching = [clip["captions"][index] for index in outcome.matching]
        file, name = self._files[self._file_name(clip)], outcome.scenario
        uncut = self._dataset.footage_holds == "sources"
        return Clip(
            id=clip["id"],
            source_group=clip["source_group"],
            path=file.path,
            sha256=file.sha256,
            start_s=(clip["source_start_s"] or 0.0) if uncut else 0.0,
            end_s=clip["source_end_s"] if uncut else None,
            source_start_s=clip["source_start_s"],
            source_end_s=clip["source_end_s"],
            official_split=clip["official_split"],
            split=self._groups.split(clip["source_group"], self._dataset.validation_share),
            scenario=name,
            category=clip["category"],
            evidence=MatchingEvidence(
                matching_captions=matching,
                captions=len(clip["captions"]),
                also_matched=list(outcome.runners_up),
            ),
            captions=clip["captions"],
            prompts=prompts_for(clip["id"], matching, self._scenarios.scenarios[name]),
            first_frame=f"{self._frames}/{clip['id']}.png",
            latent=f"{self._latents}/{name}/{clip['id']}.npz",
        )
