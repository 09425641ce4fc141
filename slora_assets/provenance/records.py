"""The records that travel with runs and adapters, as pydantic models.

Records hold no times and no durations: the same inputs give the same record, byte for byte. What a
clock says is logged beside them (`journal.jsonl`).
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance.files import read_json
from slora_assets.provenance.hashing import sha256_file

ADAPTER_FILE = "pytorch_lora_weights.safetensors"
ADAPTER_RECORD = "adapter.json"
RUN_RECORD = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AdapterRecord(_Record):
    """`adapter.json`: what an adapter file is, beside it."""

    schema_version: Literal[1] = 1
    sha256: str
    bytes_: int
    scenario: str | None
    """None for the unified adapter."""
    base: str
    base_revision: str
    base_parts: dict[str, str]
    base_licence: str
    rank: int
    alpha: float
    targets: list[str]
    run_hash: str
    config_hash: str
    dataset_hash: str
    epoch: int
    step: int
    metrics: dict[str, Any]


class TrainedClip(_Record):
    """A clip that a run saw, and on which side."""

    id: str
    sha256: str
    scenario: str
    split: str


class KeptAdapter(_Record):
    """An adapter that outlived pruning; `path` is relative to the run's folder."""

    epoch: int
    path: str
    sha256: str
    combined: float


class ExportParity(_Record):
    """The proof that the file does what the model in memory did.

    Differences are of the denoiser's output on one fixed input: file against memory, and file
    against base (0 would be an adapter without effect).
    """

    max_difference: float
    tolerance: float
    effect: float


class RunRecord(_Record):
    """`manifest.json` of a run."""

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


def read_run_record(folder: Path) -> RunRecord:
    """The record of a finished run. Raises MissingInputError, IntegrityError."""
    path = folder / RUN_RECORD
    return _validated(RunRecord, path, "run `make train-scenarios` or `make train`")  # type: ignore[return-value]


def read_adapter_record(folder: Path) -> AdapterRecord:
    """The record beside an adapter file, after comparing the file with it.

    Raises MissingInputError, or IntegrityError when the file's hash isn't the recorded one.
    """
    path = folder / ADAPTER_RECORD
    record = _validated(AdapterRecord, path, "train the adapter again")
    assert isinstance(record, AdapterRecord)
    weights = folder / ADAPTER_FILE
    found = sha256_file(weights) if weights.is_file() else "no file"
    if found != record.sha256:
        raise IntegrityError(
            "the adapter is not the recorded one",
            file=weights,
            found=found,
            expected=record.sha256,
            remedy="restore the file or train the adapter again",
        )
    return record


def software_versions() -> dict[str, str]:
    """Versions that bytes may depend on."""
    versions = {"python": platform.python_version()}
    for package in ("slora", "torch", "diffusers", "peft", "transformers", "open_clip_torch", "av"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _validated(model: type[BaseModel], path: Path, remedy: str) -> BaseModel:
    document = read_json(path, remedy=remedy)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise IntegrityError(
            f"not a {model.__name__} ({first['msg']})",
            file=path,
            key=".".join(str(part) for part in first["loc"]),
            remedy=remedy,
        ) from error
