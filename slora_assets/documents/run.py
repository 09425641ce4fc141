"""`manifest.json` of a run's folder: what was trained, on what, with what, and how it came out.

The record holds no times and no durations: the same inputs give the same record, byte for byte.
What a clock says is logged beside the runs (`journal.jsonl`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from slora_assets.documents.document import Document, is_none

RUN_RECORD: Final = "manifest.json"
RUN_CONFIG: Final = "config.yaml"
"""The recipe of a run, resolved."""
RUN_INPUTS: Final = "inputs"
"""Folder of a run with the manifests and prompts that it was made from, as they were."""
RUN_PROMPTS: Final = "validation_prompts.yaml"
ENVIRONMENT: Final = "environment.json"
"""Every installed package with its version, beside a run's record."""


class TrainedClip(Document):
    """A clip that a run saw, and on which side."""

    id: str
    sha256: str
    """Of its file's bytes."""
    scenario: str
    split: str
    source: str | None = None
    """The video that it was cut from. This and what follows older records don't say."""
    start_s: float = 0.0
    """Where it begins in its file."""
    end_s: float | None = None
    """Where it ends there; None: with the file."""
    prompts: list[str] | None = None
    """What it was trained with."""
    licence: str | None = Field(default=None, exclude_if=is_none)
    """Where it was under another one than the dataset's."""


class Code(Document):
    """Which code ran."""

    version: str
    """Of slora."""
    package: str
    """Hash of the package's files."""
    commit: str | None
    """Of the checkout; None outside of one."""
    dirty: bool | None
    """Whether the checkout's package differed from that commit."""


class KeptAdapter(Document):
    """An adapter that outlived pruning; `path` is relative to the run's folder."""

    epoch: int
    path: str
    sha256: str
    combined: float


class ExportParity(Document):
    """The proof that the file does what the model in memory did.

    Differences are of the denoiser's output on one fixed input: file against memory, and file
    against base (0 would be an adapter without effect).
    """

    max_difference: float
    tolerance: float
    effect: float


class RunRecord(Document):
    """The record of a finished run."""

    schema_version: Literal[1] = 1
    run: str
    scenarios: list[str]
    left_out: dict[str, str]
    """Scenarios that the unified run could not use, with the reason."""
    run_hash: str
    config_hash: str
    config_difference: dict[str, Any]
    dataset_hash: str
    dataset: str
    licence: str
    clips: list[TrainedClip]
    dropped: dict[str, str]
    """Quarantined clips and their reasons."""
    base: dict[str, Any]
    scorer: dict[str, Any]
    scores_trusted: bool
    scores_note: str | None
    epochs: int
    steps: int
    base_scores: dict[str, Any]
    best: KeptAdapter
    kept: list[KeptAdapter]
    parity: ExportParity
    changes: list[dict[str, Any]] = []
    """What a person allowed to change when the run was gone on with: `key`, `before`, `after` and
    the `step` after which it holds. Such a run can't be made again in one go."""
    software: dict[str, str]
    threads: int | None = None
    """How many torch computed with on the CPU: sums are taken in as many parts, so scores differ in
    their last digits by it. None in older records."""
    code: Code | None = None
    """None in older records."""
