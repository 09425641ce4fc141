"""What the summary says of clips that scenarios get: their hash, their splits, their counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.manifest import DatasetHash, shortfall
from slora_assets.documents import IDENTITY, ScenarioEntry

if TYPE_CHECKING:
    import polars as pl


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


class Told:
    """What a summary says of clips, added by id."""

    def __init__(self) -> None:
        self.hash = DatasetHash()
        self.splits: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, clips: pl.DataFrame) -> None:
        """The next ones, a table of `clip_schema`."""
        self.hash.add(clips.select(*IDENTITY).to_dict(as_series=False))
        for scenario, split, count in clips.group_by("scenario", "split").len().iter_rows():
            self.splits[scenario][split] += count


def scenario_entry(
    settings: ScenarioSettings, name: str, splits: Counter[str], counted: Counts
) -> ScenarioEntry:
    """A scenario's counts, and whether they are enough."""
    short = shortfall(splits, settings.min_train_clips, settings.min_validation_clips)
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
