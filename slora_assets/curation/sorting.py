"""Annotated clips are sorted into scenarios and splits, a batch at a time.

Memory holds what a scenario gets and nothing of the rest: rejects are counted and handed on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import dataset_hash, shortfall_of
from slora_assets.curation.matching import Assignment, Hits, ScenarioMatcher
from slora_assets.curation.near_duplicates import NearDuplicates
from slora_assets.curation.prompts import prompts_for
from slora_assets.curation.sources import source_file
from slora_assets.curation.splits import SourceGroups
from slora_assets.curation.taken_down import TAKEN_DOWN, Footage, own_source, taken_down
from slora_assets.documents import (
    Clip,
    DatasetEntry,
    FootageFile,
    Inventory,
    MatchingEvidence,
    Reject,
    ScenarioEntry,
    ScenarioMetadata,
)
from slora_assets.footage.times import times_fault
from slora_assets.provenance import object_hash

REJECTS = pl.Schema({"id": pl.String(), "reason": pl.String(), "detail": pl.String()})
OnRejects = Callable[[pl.DataFrame], None]
"""Called with each batch's rejects, a table of REJECTS."""


@dataclass
class Counts:
    """Clips by scenario at each step of the sorting."""

    any_caption: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    """Clips that others claim as well as the scenario does."""
    agreeing: defaultdict[str, Counter[float]] = field(default_factory=lambda: defaultdict(Counter))
    """Of each scenario, how many captions of how many clips match; infinity stands for all of a
    clip's captions, which are enough however few they are."""


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
    sorter = _Sorter(dataset, scenarios, inventory, workspace, counts or Counts())
    for batch in batches:
        on_rejects(sorter.sort(batch))
    clips = sorter.clips()
    return ScenarioMetadata(
        dataset=DatasetEntry(
            name=dataset.name,
            licence=dataset.licence,
            use=dataset.use,
            annotations=inventory.annotations,
        ),
        config_hash=object_hash(scenarios.model_dump(mode="json")),
        dataset_hash=dataset_hash(clips),
        scenarios={
            name: _scenario_entry(name, scenarios, clips, sorter.counts)
            for name in scenarios.scenarios
        },
        clips=clips,
        reject_counts=dict(sorted(sorter.counts.rejects.items())),
        rejects=sorted(sorter.unusable, key=lambda reject: reject.id),
    )


class _Sorter:
    def __init__(
        self,
        dataset: DatasetSettings,
        scenarios: ScenariosSettings,
        inventory: Inventory,
        workspace: Workspace,
        counts: Counts,
    ) -> None:
        self._dataset, self._scenarios = dataset, scenarios
        self._files = inventory.files
        self._frames = workspace.relative(workspace.frames(dataset.name))
        self._latents = workspace.relative(workspace.latents)
        self._unknown_endings = inventory.unknown_endings
        self._do_not_train = inventory.do_not_train
        self._unusable = {reject.clip_id: reject for reject in inventory.rejects}
        self._taken = taken_down(workspace, dataset.name, dataset.quality.near_duplicate_bits)
        self._matcher = ScenarioMatcher(scenarios.active)
        self._groups = SourceGroups()
        self._kept: list[tuple[dict[str, Any], Assignment]] = []
        self._doubles = NearDuplicates(dataset.quality.near_duplicate_bits or 0)
        self.unusable: list[Reject] = []
        self.counts = counts

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
        for row, clip in zip(rows, batch[rows].iter_rows(named=True), strict=True):
            reason = self._take(clip, hits[row])
            if reason is not None:
                refused.append((clip["id"], *reason))
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

    def _take(self, clip: dict[str, Any], hits: Hits) -> tuple[str, str] | None:
        """Keep a clip that has a keyword, or say why not: reason code and detail."""
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
        self._kept.append((clip, outcome))
        return None

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

    def clips(self) -> list[Clip]:
        """What scenarios get, by id. Splits are decided here, when all clips have been seen."""
        made = [self._clip(clip, outcome) for clip, outcome in self._kept]
        return sorted(made, key=lambda clip: clip.id)

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


def _scenario_entry(
    name: str, scenarios: ScenariosSettings, clips: list[Clip], counted: Counts
) -> ScenarioEntry:
    settings = scenarios.scenarios[name]
    mine = [clip for clip in clips if clip.scenario == name]
    splits = Counter(clip.split for clip in mine)
    short = shortfall_of(mine, settings.min_train_clips, settings.min_validation_clips)
    return ScenarioEntry(
        description=settings.description,
        any_caption=counted.any_caption[name],
        matched=counted.matched[name],
        missing=counted.missing[name],
        unusable=counted.unusable[name],
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        min_train_clips=settings.min_train_clips,
        min_validation_clips=settings.min_validation_clips,
        shortfall=settings.why_retired if settings.retired else short,
        retired=settings.retired,
    )
