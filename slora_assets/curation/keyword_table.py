"""What each keyword brings a scenario: its clips, those that nothing else would have brought, and a
caption that shows what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.matching import captions_with
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
        found += _of_scenario(name, settings, *_evidence(curated, name))
    return found


def _evidence(curated: Curated, name: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Of each of a scenario's clips its id, the captions that matched, and how many it has."""
    table = curated.columns(name, "id", "evidence")
    if table is None:
        clips = curated.of_scenario(name)
        evidence = [clip.evidence for clip in clips]
        matching = [one.matching_captions for one in evidence]
        return [clip.id for clip in clips], matching, [one.captions for one in evidence]
    table = table.unnest("evidence")
    return (
        table["id"].to_list(),
        table["matching_captions"].to_list(),
        table["captions"].to_list(),
    )


def _of_scenario(
    name: str,
    settings: ScenarioSettings,
    ids: list[str],
    matching: list[list[str]],
    captioned: list[int],
) -> list[KeywordClips]:
    captions = [(number, caption) for number, said in enumerate(matching) for caption in said]
    owners = [number for number, _ in captions]
    texts = pl.Series([caption for _, caption in captions], dtype=pl.String)
    words = [*((word, False) for word in settings.keywords)]
    words += [(word, True) for word in settings.weak_keywords]
    has = [captions_with(word, settings.exclude, texts).to_list() for word, _ in words]
    by_how_many = [sum(said) for said in zip(*has, strict=True)]
    found = []
    for (word, weak), mine in zip(words, has, strict=True):
        there: dict[int, str] = {}
        left = [len(one) for one in matching]
        for number, said, others in zip(owners, mine, by_how_many, strict=True):
            if said:
                there.setdefault(number, ids[number])
                left[number] -= others == 1
        alone = sum(left[number] < settings.needed_captions(captioned[number]) for number in there)
        example = next((text for (_, text), said in zip(captions, mine, strict=True) if said), None)
        found.append(KeywordClips(name, word, weak, tuple(there.values()), alone, example))
    return found
