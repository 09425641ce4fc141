"""`data/ledger.jsonl`: which record each stage wrote, with what beside it, and from what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slora_assets.documents.document import Document
from slora_assets.documents.presets import Sha256

RecordKind = Literal[
    "footage",
    "metadata",
    "manifest",
    "first_frames",
    "latents",
    "prompt_embeddings",
    "run",
    "verdict",
    "sweep",
    "registered",
    "changes",
    "takedowns",
    "report",
    "video",
    "entry",
]


class Recorded(Document):
    """One record as a stage left it. Paths are relative to the workspace, or absolute outside."""

    schema_version: Literal[1] = 1
    kind: RecordKind
    """What the record says."""
    path: str
    """Of the record."""
    sha256: Sha256 | None
    """Of its bytes; null: it was erased on purpose."""
    files: dict[str, Sha256] = Field(default_factory=dict)
    """What was written with it: paths relative to the record's folder, and their bytes' SHA-256."""
    parents: dict[str, Sha256] = Field(default_factory=dict)
    """Records that it was made from, as they were then."""


class LoggedRecord(Recorded):
    """A record as it stands in the ledger."""

    time: str
    previous: str
    hash: str
