"""`data/metadata/footage.json`: which video files there are; and `quarantine.json`: which of them,
or of their clips, can't be used.

Where files are many, `footage.json` names Parquet files that hold them, and holds none itself;
`slora_assets/provenance/inventories.py` reads and writes them either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from slora_assets.documents.document import Document, is_none
from slora_assets.documents.models import Geometry

QuarantineStage = Literal["footage", "first_frames", "latents"]


class RefusedFor(Document):
    """What a clip was refused for, beside the bytes of its file: with another one it is tried
    again."""

    decoder: str
    start_s: float = 0.0
    end_s: float | None = None
    geometry: Geometry | None = None
    """Of the base that reads the clip; None where only a frame was decoded."""


class QuarantinedClip(Document):
    """One clip that a stage could not use."""

    clip_id: str
    path: str
    sha256: str
    reason: str
    detail: str
    stage: QuarantineStage
    refused_for: RefusedFor | None = None
    """None in lists of older versions: such entries hold no longer."""


class Quarantine(Document):
    """`quarantine.json`, whole. An entry holds for the bytes, the part of the file and the decoder
    that it names: what was repaired is tried again by itself."""

    schema_version: Literal[1] = 1
    clips: list[QuarantinedClip]


class FootageFile(Document):
    """A usable video file. Cuts, motion and fingerprint are those of `footage/quality.py`; None
    where the dataset asks for no measure."""

    path: str
    """Relative to the workspace."""
    sha256: str
    """Of its bytes."""
    bytes_: int
    """Its size."""
    width: int
    """In pixels, as stored."""
    height: int
    """In pixels, as stored."""
    fps: float
    """Frames per second, on average."""
    duration_s: float | None
    """Of the video, in seconds; null where the file doesn't say."""
    codec: str
    """FFmpeg's name of it."""
    hdr: str | None = None
    """Transfer function of a video of high dynamic range; null for others."""
    cuts: int | None = None
    """Inside the clip."""
    motion: float | None = None
    """Of the fastest 5 % of pixels, in picture heights per second."""
    fingerprint: str | None = None
    """64 bit perceptual hash of the first frame."""


class FootageShard(Document):
    """Usable files, by clip id, in a Parquet file below the documents' folder."""

    path: str
    """Relative to the folder of the metadata."""
    sha256: str
    """Of its bytes. They are the same for the same files under one version of polars."""
    files: int


class Inventory(Document):
    """The footage of a dataset: usable files by clip id, and those that are not usable."""

    schema_version: Literal[1] = 1
    dataset: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""
    files: Mapping[str, FootageFile]
    """None in a document that names shards."""
    rejects: list[QuarantinedClip]
    shards: list[FootageShard] | None = Field(default=None, exclude_if=is_none)
    """Files that hold the usable ones where there are too many for a document."""
    unknown_endings: dict[str, str] = {}
    """Files of other clip ids whose ending is no video's that is known, by clip id."""
    do_not_train: dict[str, str] = {}
    """Usable files that say of themselves that they may not be trained on, by clip id, with what
    they say."""
    generated: dict[str, str] = {}
    """Usable files that say of themselves that a trained model made them, by clip id, with what
    did."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(
        self, written: SerializerFunctionWrapHandler
    ) -> dict[str, object]:
        """Most footage has no such files, and the hash that it had before they were looked for."""
        kept: dict[str, object] = written(self)
        seldom = ("unknown_endings", "do_not_train", "generated")
        return {key: value for key, value in kept.items() if key not in seldom or value}
