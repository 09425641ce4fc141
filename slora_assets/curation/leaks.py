"""Does anything stand on two sides of the split? A leak would make every later figure a lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slora_assets.config.errors import CurationError
from slora_assets.config.splits import official_split
from slora_assets.curation.sources import canonical_source
from slora_assets.documents import Clip

REMEDY: Final = (
    "give clips of one source one split, remove files that stand under two names, then run `make"
    " data preprocess`"
)


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
        tuple(clip.id for clip in clips if not _kept(clip)),
    )


def _kept(clip: Clip) -> bool:
    """Whether an officially held-out clip is held out, whatever its dataset calls that."""
    try:
        official = official_split(clip.official_split)
    except ValueError:
        return clip.split == "test"
    if official == "test":
        return clip.split == "test"
    return official != "validate" or clip.split != "train"


def refuse_leaks(clips: Iterable[Clip], file: Path, scenario: str) -> None:
    """Raise CurationError naming what stands on two sides."""
    leaks = leaks_among(clips)
    if leaks:
        raise CurationError(
            "clips stand on two sides of the split",
            file=file,
            key=scenario,
            found=[*leaks.on_two_sides, *leaks.official_test][:20],
            expected="each source and each file on one side, official test clips on none",
            remedy=REMEDY,
        )
