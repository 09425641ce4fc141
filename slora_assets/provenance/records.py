"""Reading the documents that rooms hand to each other: whole, of their schema, and as recorded."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
    AdapterRecord,
    RunRecord,
    RunVerdict,
)
from slora_assets.provenance.files import read_json
from slora_assets.provenance.hashing import Json
from slora_assets.provenance.stat_cache import known_sha256

Model = TypeVar("Model", bound=BaseModel)


def read_document(path: Path, model: type[Model], *, what: str, remedy: str) -> Model:
    """Read a JSON file into its model; `what` says for people what it should be ("a verdict").

    Raises MissingInputError when it is absent, IntegrityError when it is not of its schema or of
    another version of it.
    """
    document = read_json(path, remedy=remedy)
    _refuse_other_version(path, document, model, what, remedy)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise IntegrityError(
            f"not {what} ({first['msg']})",
            file=path,
            key=".".join(str(part) for part in first["loc"]),
            remedy=remedy,
        ) from error


def _refuse_other_version(
    path: Path, document: Json, model: type[BaseModel], what: str, remedy: str
) -> None:
    """What another version of the project wrote is sound, and not to be read as this one's."""
    field = model.model_fields.get("schema_version")
    found = document.get("schema_version") if isinstance(document, dict) else None
    if field is None or type(found) is not int or found in get_args(field.annotation):
        return
    known = max(get_args(field.annotation))
    raise IntegrityError(
        f"{what} of {'an older' if found < known else 'a newer'} version of the project",
        file=path,
        key="schema_version",
        found=found,
        expected=str(known),
        remedy=remedy if found < known else "update the project that reads it",
    )


def read_run_record(folder: Path) -> RunRecord:
    """The record of a finished run. Raises MissingInputError, IntegrityError."""
    remedy = "run `make train-scenarios` or `make train`"
    return read_document(folder / RUN_RECORD, RunRecord, what="a run's record", remedy=remedy)


def read_adapter_record(folder: Path, remedy: str | None = None) -> AdapterRecord:
    """The record beside an adapter file, after comparing the file with it; `remedy` is what helps
    where training it again isn't what does.

    Raises MissingInputError, or IntegrityError when the file's hash isn't the recorded one.
    """
    record = read_document(
        folder / ADAPTER_RECORD,
        AdapterRecord,
        what="an adapter's record",
        remedy=remedy or "train the adapter again",
    )
    weights = folder / ADAPTER_FILE
    found = known_sha256(weights) if weights.is_file() else "no file"
    if found != record.sha256:
        raise IntegrityError(
            "the adapter is not the recorded one",
            file=weights,
            found=found,
            expected=record.sha256,
            remedy=remedy or "restore the file or train the adapter again",
        )
    return record


def read_verdict(workspace: Workspace, run: str) -> RunVerdict:
    """The verdict of a run. Raises MissingInputError, IntegrityError."""
    path = workspace.validation(run) / VERDICT_FILE
    return read_document(path, RunVerdict, what="a verdict", remedy="run `make validate`")


def installed_packages() -> dict[str, str]:
    """Every distribution that is installed, by its normalised name: a run's environment."""
    found: dict[str, str] = {}
    for one in distributions():
        # setuptools puts what it brings for itself on the path as soon as somebody imports it.
        if Path(str(one.locate_file(""))).name != "_vendor" and (name := one.metadata["Name"]):
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), one.version)
    return found


def software_versions() -> dict[str, str]:
    """Versions that bytes may depend on."""
    versions = {"python": platform.python_version()}
    for package in ("slora", "torch", "diffusers", "peft", "transformers", "open_clip_torch", "av"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
