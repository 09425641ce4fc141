"""What the footage would give a scenario, and what that costs others: seen before anything is run.

Only looks: no video is opened and no file written, so that it may be asked at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from slora_assets.config.data import DatasetSettings, ScenarioSettings, ScenariosSettings
from slora_assets.config.dataset_files import annotation_sources, split_files
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.matching import ScenarioMatcher
from slora_assets.curation.report import counts_of, state_of
from slora_assets.curation.sorting import build_metadata
from slora_assets.curation.told import Counts
from slora_assets.curation.validation_prompts import prompts_needed, prompts_of
from slora_assets.documents import ScenarioEntry, ScenarioMetadata
from slora_assets.footage.known import KnownFootage, known_footage

_EXAMPLES: Final = 5


@dataclass(frozen=True)
class Asked:
    """The prompts that a verdict on the scenario's adapter would rest on."""

    prompts: int
    written: bool
    """Else those of its validation clips."""
    needed: int
    file: Path


@dataclass(frozen=True)
class Outlook:
    """A scenario on the footage as it is known now."""

    name: str
    settings: ScenarioSettings
    entry: ScenarioEntry
    takes: Mapping[str, int]
    """Usable clips that would be another scenario's without it."""
    yields: Mapping[str, int]
    """Usable clips that have enough matching captions, and go to a scenario that comes before."""
    ambiguous: int
    """Clips that others have the same claim to, and that nobody gets."""
    losers: Mapping[str, ScenarioEntry]
    """The scenarios that it takes from, as it leaves them."""
    examples: tuple[str, ...]
    asked: Asked
    footage: KnownFootage


def look_ahead(
    name: str, dataset: DatasetSettings, scenarios: ScenariosSettings, workspace: Workspace
) -> Outlook:
    """Sort the annotated clips with `scenarios`, of which `name` is one, and say what that means.

    Raises MissingInputError where there are no annotations, IntegrityError for broken ones.
    """
    footage, settings = known_footage(dataset, workspace), scenarios.scenarios[name]
    examples: list[str] = []
    sources, splits = annotation_sources(dataset, workspace), split_files(dataset, workspace)
    batches = _noting(
        examples, ScenarioMatcher({name: settings}), read_annotations(dataset, sources, splits)
    )
    counts = Counts()
    metadata = build_metadata(
        dataset, scenarios, batches, footage.inventory, workspace, counts=counts
    )
    takes, yields = _moved(name, metadata)
    return Outlook(
        name,
        settings,
        metadata.scenarios[name],
        takes,
        yields,
        counts.ambiguous[name],
        {loser: metadata.scenarios[loser] for loser in takes},
        tuple(examples),
        _asked(name, metadata, workspace),
        footage,
    )


def _noting(
    examples: list[str], matcher: ScenarioMatcher, batches: Iterable[pl.DataFrame]
) -> Iterator[pl.DataFrame]:
    """The batches as they are; a matching caption of each of the first clips is noted meanwhile."""
    for batch in batches:
        if len(examples) < _EXAMPLES:
            captions = batch["captions"]
            for row, every in matcher.hits(batch).select("row", "every").iter_rows():
                caption = captions[row][every[0]]
                if caption not in examples and len(examples) < _EXAMPLES:
                    examples.append(caption)
        yield batch


def _moved(name: str, metadata: ScenarioMetadata) -> tuple[dict[str, int], dict[str, int]]:
    """Clips between the scenario and others: what it takes, and what it yields."""
    takes, yields = Counter[str](), Counter[str]()
    for clip in metadata.clips:
        others = clip.evidence.also_matched
        if clip.scenario == name and others:
            takes[others[0]] += 1
        elif name in others:
            yields[clip.scenario] += 1
    return dict(takes), dict(yields)


def _asked(name: str, metadata: ScenarioMetadata, workspace: Workspace) -> Asked:
    file = workspace.validation_prompts
    settings = read_validation_prompts(file)
    prompts = prompts_of(settings, name, metadata.of_scenario(name))
    return Asked(len(prompts), name in settings.scenarios, prompts_needed(settings), file)


def outlook_lines(outlook: Outlook) -> list[str]:
    """The outlook as a person reads it."""
    entry = outlook.entry
    lines = [f"{outlook.name}: {counts_of(entry)}"]
    lines += [f'  "{caption}"' for caption in outlook.examples]
    for loser, clips in outlook.takes.items():
        left = outlook.losers[loser]
        lines.append(
            f"takes {_clips(clips)} from {loser}, which keeps {left.train} train,"
            f" {left.validation} validation ({state_of(left)})"
        )
    for winner, clips in outlook.yields.items():
        lines.append(f"yields {_clips(clips)} to {winner}, which comes before it")
    if outlook.ambiguous:
        lines.append(
            f"{_clips(outlook.ambiguous)} it and others claim alike, so that nobody gets them; a"
            " priority decides"
        )
    lines.append(f"{outlook.name} is {state_of(entry)}")
    lines += [f"  {advice}" for advice in _advice(outlook)]
    return [*lines, _prompts_line(outlook), *_footage_lines(outlook.footage)]


def _advice(outlook: Outlook) -> list[str]:
    """What would help a scenario that falls short."""
    entry, settings = outlook.entry, outlook.settings
    if not entry.shortfall or entry.retired:
        return []
    if not entry.any_caption:
        return ["no caption has one of its keywords: name words that captions use"]
    yielded = sum(outlook.yields.values())
    few = entry.any_caption - entry.matched - yielded - outlook.ambiguous
    found = []
    if entry.missing:
        found.append(f"{_clips(entry.missing)} whose captions match have no file: add it")
    if few > 0:
        found.append(
            f"{_clips(few)} with a keyword, but in fewer captions than min_matching_captions"
            f" ({settings.min_matching_captions}): lower it"
        )
    if yielded:
        found.append(f"{_clips(yielded)} yielded to others: a higher priority takes them")
    if entry.validation < entry.min_validation_clips <= entry.train:
        found.append(
            "few sources are held out: where no official split says which, a higher"
            " validation_share of the dataset takes more"
        )
    return [
        *found,
        "else more keywords or more footage, or a lower min_train_clips or min_validation_clips",
    ]


def _clips(number: int) -> str:
    return f"{number} clip" if number == 1 else f"{number} clips"


def _prompts_line(outlook: Outlook) -> str:
    asked = outlook.asked
    if asked.written:
        said = f"its adapter is asked with the {asked.prompts} prompts written for it"
    else:
        said = (
            f"its adapter is asked with the {asked.prompts} prompts of its validation clips,"
            f" as none are written for it in {asked.file}"
        )
    if asked.prompts >= asked.needed:
        return said
    return f"{said}; with fewer than {asked.needed} every verdict is inconclusive at best"


def _footage_lines(footage: KnownFootage) -> list[str]:
    if not footage.files:
        return ["there is no footage yet: every clip that matches is missing"]
    if not footage.unseen:
        return []
    return [
        f"{footage.unseen} of {footage.files} files nobody has looked at yet; they count as usable"
        " here, until `make data` looks at them"
    ]
