"""A clip, and the two files that list clips: `data/metadata/scenario_metadata.json`, and each
scenario's part of it, `data/metadata/manifests/<scenario>.json`.

The first says which clip belongs to which scenario and split, with which prompts, and why; the
second is all that the stages of one scenario read. Where clips are many, both name Parquet files
that hold them, by scenario, and hold none themselves; `slora_assets/provenance/curated.py` reads
them either way.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from slora_assets.config.clip_ids import EXPECTED, is_clip_id
from slora_assets.documents.document import Document, is_none

Split = Literal["train", "validation", "test"]

IDENTITY: Final = ("id", "sha256", "start_s", "split", "scenario", "prompts")
"""Fields of a clip that say what a model learns from it."""


def _name_of_a_file(name: str) -> str:
    """A clip's id, which names files of ours, whoever wrote the document."""
    if not is_clip_id(name):
        raise ValueError(f"no clip can have this id; expected {EXPECTED}")
    return name


class DatasetEntry(Document):
    """Where the clips come from and what they may be used for."""

    name: str
    licence: str
    use: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""


class MatchingEvidence(Document):
    """Why a clip belongs to its scenario."""

    matching_captions: list[str]
    captions: int
    also_matched: list[str]


class Clip(Document):
    """One clip of one scenario. Paths are relative to the workspace."""

    id: Annotated[str, AfterValidator(_name_of_a_file)]
    """The dataset's name for it, unique in it."""
    source_group: str
    """The video that it was cut from; one's clips are all on one side of the split."""
    path: str
    """Of its file."""
    sha256: str
    """Of its file's bytes."""
    start_s: float = 0.0
    """Where the clip begins in its file: 0 in files that are cut to clips."""
    end_s: float | None = None
    """Where it ends in its file; None: with the file."""
    source_start_s: float | None
    """Where it begins in its source, in seconds, as annotated."""
    source_end_s: float | None
    """Where it ends there."""
    official_split: str | None
    """What the dataset calls its side."""
    split: Split
    """What it is used for here."""
    scenario: str
    """The one that it was sorted into."""
    category: str | None = None
    """The dataset's."""
    evidence: MatchingEvidence
    """Why it was sorted so."""
    captions: list[str]
    """All that say something of it."""
    prompts: list[str]
    """What is trained with: matching captions in the scenario's templates."""
    first_frame: str
    """Path of its picture."""
    latent: str
    """Path of its VAE latent."""
    licence: str | None = Field(default=None, exclude_if=is_none)
    """Where it is under another one than the dataset's."""

    def identity(self) -> dict[str, object]:
        """What a model learns from: part of every dataset hash."""
        return {name: getattr(self, name) for name in IDENTITY}


class ScenarioEntry(Document):
    """A scenario's counts; `shortfall` says why it can't be trained, if it can't: what is missing
    to its minimum, or that it is retired."""

    description: str
    any_caption: int
    """Clips of which any caption matches: what the minimum of agreeing captions left out shows."""
    matched: int
    missing: int
    unusable: int
    train: int
    validation: int
    test: int
    min_train_clips: int
    min_validation_clips: int
    shortfall: str | None
    retired: bool = False

    @model_serializer(mode="wrap")
    def _without_what_is_not_so(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Documents of active scenarios have the bytes that they had before one could be
        retired."""
        kept: dict[str, object] = written(self)
        return {key: value for key, value in kept.items() if key != "retired" or self.retired}


class Reject(Document):
    """A clip with footage that no scenario gets for it, with its reason code."""

    id: str
    reason: str
    detail: str = ""


class ClipShard(Document):
    """Clips of one scenario, by id, in a Parquet file below the documents' folder."""

    path: str
    """Relative to the folder of the metadata."""
    sha256: str
    """Of its bytes. They are the same for the same clips under one version of polars; what a
    model learns from is hashed clip by clip."""
    clips: int


class MetadataSummary(Document):
    """`scenario_metadata.json` without its clips."""

    schema_version: Literal[1] = 1
    dataset: DatasetEntry
    config_hash: str
    dataset_hash: str
    scenarios: dict[str, ScenarioEntry]
    reject_counts: dict[str, int]
    """Reason code to clips. `rejects/` beside this file holds every single one."""
    rejects: list[Reject]
    """Those that matched but whose footage can't be used."""
    shards: dict[str, list[ClipShard]] | None = Field(default=None, exclude_if=is_none)
    """By scenario, files that hold the clips where there are too many for a document."""


class ScenarioMetadata(MetadataSummary):
    """`scenario_metadata.json`, whole."""

    clips: list[Clip]
    """By id; none in a file that names shards."""

    def of_scenario(self, scenario: str) -> list[Clip]:
        """The scenario's clips, by id."""
        return [clip for clip in self.clips if clip.scenario == scenario]


class ScenarioManifest(Document):
    """`manifests/<scenario>.json`: what the stages of a scenario read."""

    schema_version: Literal[2] = 2
    scenario: str
    dataset: DatasetEntry
    entry: ScenarioEntry
    dataset_hash: str
    """Over the clips' identities: what everything downstream of the scenario hangs on."""
    clips: list[Clip]
    """By id, those kept for testing among them; none in a file that names shards."""
    shards: list[ClipShard] | None = Field(default=None, exclude_if=is_none)
    """Files that hold the clips where there are too many for a document: those of the metadata that
    it was taken from."""

    def usable(self) -> list[Clip]:
        """Clips that training or its validation reads: official test clips are never encoded."""
        return [clip for clip in self.clips if clip.split != "test"]
