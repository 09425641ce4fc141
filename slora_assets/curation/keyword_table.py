"""What each keyword brings a scenario: its clips, those that nothing else would have brought, and a
caption that shows what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.matching import captions_with
from slora_assets.provenance.clip_tables import table_of
from slora_assets.provenance.curated import Curated


@dataclass(frozen=True)
class KeywordClips:
    """One keyword of one scenario."""

    scenario: str
    keyword: str
    weak: bool
    clips: tuple[str, ...]
    """The scenario's clips with a caption that has it, by id."""
    alone: int
    """Those of them that would have too few matching captions without it."""
    example: str | None


def clips_by_keyword(
    curated: Curated, scenarios: Mapping[str, ScenarioSettings]
) -> list[KeywordClips]:
    """Every keyword in the order of the configuration."""
    found: list[KeywordClips] = []
    for name, settings in scenarios.items():
        found += _of_scenario(name, settings, _evidence(curated, name))
    return found


def _evidence(curated: Curated, name: str) -> pl.DataFrame:
    """Of each of a scenario's clips its `id`, the `matching_captions`, and how many `captions` it
    has."""
    table = curated.columns(name, "id", "evidence")
    if table is None:
        table = table_of(curated.of_scenario(name)).select("id", "evidence")
    return table.unnest("evidence").select("id", "matching_captions", "captions")


def _of_scenario(name: str, settings: ScenarioSettings, clips: pl.DataFrame) -> list[KeywordClips]:
    numbered = clips.with_row_index("clip")
    said = numbered.select("clip", text="matching_captions").explode("text").drop_nulls("text")
    words = [*((word, False) for word in settings.keywords)]
    words += [(word, True) for word in settings.weak_keywords]
    has = [captions_with(word, settings.exclude, said["text"]) for word, _ in words]
    by_how_many = sum((one.cast(pl.UInt32) for one in has), pl.repeat(0, len(said), eager=True))
    counts = numbered.select("clip", left=pl.col("matching_captions").list.len(), all="captions")
    needed = {all_: settings.needed_captions(all_) for all_ in counts["all"].unique()}
    counts = counts.with_columns(needed=pl.col("all").replace_strict(needed, return_dtype=pl.Int64))
    found = []
    for (word, weak), mine in zip(words, has, strict=True):
        alone = said.select("clip", only=mine & (by_how_many == 1)).filter(mine)
        by_clip = alone.group_by("clip", maintain_order=True).agg(pl.col("only").sum())
        left = by_clip.join(counts, on="clip", how="left", maintain_order="left")
        lost = left.filter(pl.col("left") - pl.col("only") < pl.col("needed")).height
        ids = clips["id"].gather(by_clip["clip"])
        texts = said["text"].filter(mine)
        example = texts[0] if len(texts) else None
        found.append(KeywordClips(name, word, weak, tuple(ids), lost, example))
    return found
