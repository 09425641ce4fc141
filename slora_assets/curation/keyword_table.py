"""What each keyword brings a scenario: its clips, those that nothing else would have brought, and a
caption that shows what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.matching import captions_with
from slora_assets.documents import Clip, ScenarioMetadata


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
    metadata: ScenarioMetadata, scenarios: Mapping[str, ScenarioSettings]
) -> list[KeywordClips]:
    """Every keyword in the order of the configuration."""
    found: list[KeywordClips] = []
    by_scenario: dict[str, list[Clip]] = {}
    for clip in metadata.clips:
        by_scenario.setdefault(clip.scenario, []).append(clip)
    for name, settings in scenarios.items():
        found += _of_scenario(name, settings, by_scenario.get(name, []))
    return found


def _of_scenario(name: str, settings: ScenarioSettings, clips: list[Clip]) -> list[KeywordClips]:
    captions = [
        (number, caption)
        for number, clip in enumerate(clips)
        for caption in clip.evidence.matching_captions
    ]
    owners = [number for number, _ in captions]
    texts = pl.Series([caption for _, caption in captions], dtype=pl.String)
    words = [*((word, False) for word in settings.keywords)]
    words += [(word, True) for word in settings.weak_keywords]
    has = [captions_with(word, settings.exclude, texts).to_list() for word, _ in words]
    by_how_many = [sum(said) for said in zip(*has, strict=True)]
    found = []
    for (word, weak), mine in zip(words, has, strict=True):
        there: dict[int, str] = {}
        left = [len(clip.evidence.matching_captions) for clip in clips]
        for number, said, others in zip(owners, mine, by_how_many, strict=True):
            if said:
                there.setdefault(number, clips[number].id)
                left[number] -= others == 1
        alone = sum(
            left[number] < settings.needed_captions(clips[number].evidence.captions)
            for number in there
        )
        example = next((text for (_, text), said in zip(captions, mine, strict=True) if said), None)
        found.append(KeywordClips(name, word, weak, tuple(there.values()), alone, example))
    return found
