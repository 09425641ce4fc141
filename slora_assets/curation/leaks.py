"""Does anything stand on two sides of the split? A leak would make every later figure a lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from slora_assets.config.errors import CurationError
from slora_assets.config.splits import official_split
from slora_assets.curation.sources import canonical_source, canonical_sources
from slora_assets.documents import Clip
from slora_assets.provenance.curated import Curated

REMEDY: Final = (
    "give clips of one source one split, remove files that stand under two names, then run `make"
    " data preprocess`"
)

_MOST: Final = 3
"""Sources and files that a sentence names."""
_SHOWN: Final = 4
"""Clips of each."""


@dataclass(frozen=True)
class Leaks:
    """What must not be trained on as it is."""

    on_two_sides: dict[str, tuple[Clip, ...]]
    """Sources, and files by their hash, of which clips fall on different sides; with all their
    clips."""
    official_test: tuple[str, ...]
    """Clips of an official part that isn't kept for what it is for: test clips that aren't kept for
    testing, validation clips that are trained on."""

    def __bool__(self) -> bool:
        return bool(self.on_two_sides or self.official_test)


def leaks_among(clips: Iterable[Clip]) -> Leaks:
    """No source video may be on two sides, no file under two names, no official test clip be
    trained on."""
    clips = list(clips)
    alike: dict[str, list[Clip]] = {}
    for clip in clips:
        for identity in (
            f"source {canonical_source(clip.source_group)}",
            f"file {clip.sha256}",
        ):
            alike.setdefault(identity, []).append(clip)
    return Leaks(
        {
            identity: tuple(found)
            for identity, found in sorted(alike.items())
            if len({clip.split for clip in found}) > 1
        },
        tuple(clip.id for clip in clips if not _kept(clip.official_split, clip.split)),
    )


def may_leak(curated: Curated, scenario: str) -> bool:
    """Whether a scenario's clips have to be looked at one by one: of many a few columns tell."""
    import polars as pl  # which trainings, that need none, shouldn't wait for

    columns = ("source_group", "sha256", "split", "official_split")
    table = curated.columns(scenario, *columns)
    if table is None:
        return True
    table = table.with_columns(source_group=canonical_sources(table["source_group"]))
    sides = (
        table.group_by(key).agg(pl.col("split").n_unique())["split"].max()
        for key in ("source_group", "sha256")
    )
    told = table.select("official_split", "split").unique().iter_rows()
    return any(cast("int", most or 0) > 1 for most in sides) or not all(_kept(*one) for one in told)


def _kept(said: str | None, split: str) -> bool:
    """Whether an officially held-out clip is held out, whatever its dataset calls that."""
    try:
        official = official_split(said)
    except ValueError:
        return split == "test"
    if official == "test":
        return split == "test"
    return official != "validate" or split != "train"


def leak_sentence(scenario: str, leaks: Leaks) -> str:
    """Which clips and files leak, and what to do about it."""
    told = []
    if leaks.on_two_sides:
        count = len({clip.id for found in leaks.on_two_sides.values() for clip in found})
        alike = [_alike(what, found) for what, found in leaks.on_two_sides.items()]
        more = f" and {len(alike) - _MOST} more like these" if len(alike) > _MOST else ""
        told.append(
            f"{count} clips of {scenario} stand on two sides of the split:"
            f" {'; '.join(alike[:_MOST])}{more}"
        )
    if leaks.official_test:
        count = len(leaks.official_test)
        several = f"{count} officially held-out {'clip' if count == 1 else 'clips'}"
        told.append(f"{several} of {scenario} would be trained on: {_some(leaks.official_test)}")
    return f"{'. '.join(told)}. Remedy: {REMEDY}."


def _alike(what: str, clips: Sequence[Clip]) -> str:
    """`a, b (train), c (validation) are one file (a.mp4, b.mp4, c.mp4)`."""
    sides: dict[str, list[str]] = {}
    for clip in clips:
        sides.setdefault(clip.split, []).append(clip.id)
    named = ", ".join(f"{_some(ids)} ({side})" for side, ids in sides.items())
    kind, _, name = what.partition(" ")
    if kind == "file":
        return f"{named} are one file ({_some(dict.fromkeys(clip.path for clip in clips))})"
    return f"{named} are of one source, {name}"


def _some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def refuse_leaks(clips: Iterable[Clip], file: Path, run: str) -> None:
    """Raise CurationError naming what stands on two sides."""
    leaks = leaks_among(clips)
    if leaks:
        said, _, remedy = leak_sentence(run, leaks).rpartition(". Remedy: ")
        raise CurationError(
            said,
            file=file,
            expected="each source and each file on one side, official test clips on none",
            remedy=remedy.removesuffix("."),
        )
