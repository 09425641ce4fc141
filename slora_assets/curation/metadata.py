"""`scenario_metadata.json`: its model, and how it is read.

The document is the contract between curation and everything after: which clips a scenario may
teach, on which side of the split, with which prompts, and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance.files import read_json
from slora_assets.provenance.hashing import object_hash

Split = Literal["train", "validation", "test"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetEntry(_Document):
    """Where the clips come from and what they may be used for."""

    name: str
    licence: str
    use: str
    annotations: dict[str, str]
    """Annotation file name to sha256."""


class MatchingEvidence(_Document):
    """Why a clip belongs to its scenario."""

    matching_captions: list[str]
    captions: int
    also_matched: list[str]


class Clip(_Document):
    """One clip of one scenario."""

    id: str
    source_group: str
    path: str
    sha256: str
    start_s: float = 0.0
    """Where the clip begins in its file: 0 in files that are cut to clips."""
    end_s: float | None = None
    """Where it ends in its file; None: with the file."""
    source_start_s: float | None
    source_end_s: float | None
    official_split: str | None
    split: Split
    scenario: str
    category: str | None = None
    evidence: MatchingEvidence
    captions: list[str]
    prompts: list[str]
    first_frame: str
    latent: str

    def identity(self) -> dict[str, object]:
        """What a model learns from: part of every dataset hash."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            "start_s": self.start_s,
            "split": self.split,
            "scenario": self.scenario,
            "prompts": self.prompts,
        }


class ScenarioEntry(_Document):
    """A scenario's counts; `shortfall` says what is missing to its minimum, if anything."""

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


class Reject(_Document):
    """A clip with footage that no scenario gets for it, with its reason code."""

    id: str
    reason: str
    detail: str = ""


class ScenarioMetadata(_Document):
    """The whole document."""

    schema_version: Literal[1] = 1
    dataset: DatasetEntry
    config_hash: str
    dataset_hash: str
    scenarios: dict[str, ScenarioEntry]
    clips: list[Clip]
    reject_counts: dict[str, int]
    """Reason code to clips. `rejects/` beside this file holds every single one."""
    rejects: list[Reject]
    """Those that matched but whose footage can't be used."""

    def of_scenario(self, scenario: str) -> list[Clip]:
        """The scenario's clips, by id."""
        return [clip for clip in self.clips if clip.scenario == scenario]


def dataset_hash(clips: Iterable[Clip]) -> str:
    """Hash over the clips' identities, whatever their order."""
    return object_hash(sorted((c.identity() for c in clips), key=lambda i: str(i["id"])))


def read_metadata(path: Path) -> ScenarioMetadata:
    """Read the document. Raises MissingInputError, IntegrityError (not of its schema)."""
    document = read_json(path, remedy="run `make data`")
    try:
        return ScenarioMetadata.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise IntegrityError(
            f"not a scenario metadata document ({first['msg']})",
            file=path,
            key=".".join(str(part) for part in first["loc"]),
            remedy="run `make data` again",
        ) from error
