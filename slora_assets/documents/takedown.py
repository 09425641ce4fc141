"""`data/takedowns.jsonl`: which footage was taken out, by whom and why, and what it had touched.

The list holds no path, no caption and no picture of what was taken out: hashes, ids and sources are
all that it takes to know the footage again.
"""

from __future__ import annotations

from typing import Literal

from slora_assets.documents.document import Document


class TakenClip(Document):
    """A clip that was taken out, with all that it is known again by."""

    id: str
    """Its name in the dataset of the entry."""
    because: str
    """How it came into the entry: by its name, by its source, or by what clip it is equal to."""
    sha256: str | None = None
    """Of its file's bytes; null where there was no file."""
    start_s: float = 0.0
    """Where it begins in its file."""
    end_s: float | None = None
    """Where it ends in its file; null: with the file."""
    fingerprint: str | None = None
    """64 bit perceptual hash of its file's first frame; null where a picture of one colour, or no
    file, gives none."""
    source: str | None = None
    """The video that it was cut from, as all spellings of its address are; null where it names
    none."""
    source_start_s: float | None = None
    """Where it begins there, in seconds; null where nobody says."""
    source_end_s: float | None = None
    """Where it ends there."""


class Takedown(Document):
    """An entry of the list."""

    schema_version: Literal[1] = 1
    asked: str
    """The clip or the source, as it was named."""
    by: str
    """Who decided."""
    reason: str
    """Why."""
    dataset: str
    """The dataset that ids are names in."""
    ahead: bool = False
    """Whether it was refused before there was any footage of it."""
    sources: list[str] = []
    """Sources of which nothing may be used."""
    clips: list[TakenClip] = []
    """Clips that may not be used."""
    spared: list[str] = []
    """Other clips of their sources that were known then and stay."""
    prompts: list[str] = []
    """SHA-256 of the prompts that its clips had."""
    adapters: list[str] = []
    """SHA-256 of the adapters that had seen its clips by then."""


class LoggedTakedown(Takedown):
    """An entry as it stands in the list."""

    time: str
    previous: str
    hash: str
