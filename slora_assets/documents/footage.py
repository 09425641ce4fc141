"""`data/metadata/footage.json`: which video files there are; and `quarantine.json`: which of them,
or of their clips, can't be used."""

from __future__ import annotations

from typing import Literal

from slora_assets.documents.document import Document

QuarantineStage = Literal["footage", "first_frames", "latents"]


class QuarantinedClip(Document):
    """One clip that a stage could not use."""

    clip_id: str
    path: str
    sha256: str
    reason: str
    detail: str
    stage: QuarantineStage


class Quarantine(Document):
    """`quarantine.json`, whole. An entry holds for the bytes that it names: a repaired file is
    tried again by itself."""

    schema_version: Literal[1] = 1
    clips: list[QuarantinedClip]


class FootageFile(Document):
    """A usable video file."""

    path: str
    sha256: str
    bytes_: int
    width: int
    height: int
    fps: float
    duration_s: float | None
    codec: str
    hdr: str | None = None
    cuts: int | None = None
    motion: float | None = None
    fingerprint: str | None = None
    """The last three: see `footage/quality.py`; None where the dataset asks for no measure."""


class Inventory(Document):
    """The footage of a dataset: usable files by clip id, and those that are not usable."""

    schema_version: Literal[1] = 1
    dataset: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""
    files: dict[str, FootageFile]
    rejects: list[QuarantinedClip]
