"""Promoted adapters by content: `checkpoints/registry/<sha256>/`, the one place serving loads from.

Nothing is opened by a path that a caller made up: the path must be the registry's own for the hash,
no part of it a link, and the bytes must have that hash.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import uuid
from pathlib import Path
from typing import Final

from slora_assets.config.environment import STORE
from slora_assets.config.errors import GateError, IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    ENVIRONMENT,
    RUN_CONFIG,
    RUN_INPUTS,
    RUN_RECORD,
    AdapterRecord,
    registered_path,
)
from slora_assets.provenance import commit_folder, known_sha256, replacing, sha256_bytes
from slora_assets.provenance.records import read_adapter_record

_SHA256 = re.compile(r"[0-9a-f]{64}")
PROMOTE_ANEW: Final = "delete its folder in checkpoints/registry, and promote the adapter again"
"""What is registered is never written over, so that nobody vouches for what another changed."""
_OF_THE_RUN = (RUN_RECORD, ENVIRONMENT, RUN_CONFIG)
"""What an adapter's origin is known by when the run's folder holds another run."""


def register_adapter(
    workspace: Workspace, source: Path, run: Path | None = None
) -> tuple[Path, AdapterRecord]:
    """Copy the adapter and its record from `source` into the registry, with what says how `run`
    trained it; again changes nothing.

    Raises MissingInputError, or IntegrityError when the source isn't what its record says, or when
    something else is registered under its hash.
    """
    record = read_adapter_record(source)
    final = workspace.registry / record.sha256
    if not final.is_symlink() and not final.exists():
        partial = final.with_name(f".{record.sha256[:16]}.{uuid.uuid4().hex[:8]}.partial")
        partial.mkdir(parents=True)
        try:
            of_the_run = [run / name for name in _OF_THE_RUN] if run is not None else []
            own = [source / name for name in (ADAPTER_FILE, ADAPTER_RECORD)]
            for file in (*own, *filter(Path.is_file, of_the_run)):
                shutil.copyfile(file, partial / file.name)
            if run is not None and (run / RUN_INPUTS).is_dir():
                shutil.copytree(run / RUN_INPUTS, partial / RUN_INPUTS)
            if read_adapter_record(partial) != record:
                raise IntegrityError("the adapter changed while it was copied", file=source)
            commit_folder(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    folder = open_registered(workspace, registered_path(record.sha256), record.sha256)
    if run is not None and not (folder / RUN_RECORD).exists():  # registered before it was kept
        with replacing(folder / RUN_RECORD) as temporary:
            shutil.copyfile(run / RUN_RECORD, temporary)
    if read_adapter_record(folder) != record:
        raise IntegrityError(
            "another record is registered for the same weights",
            file=folder / ADAPTER_RECORD,
            remedy="demote what uses it, delete the folder, and promote again",
        )
    return folder, record


def open_registered(workspace: Workspace, path: str, sha256: str) -> Path:
    """The folder of a registered adapter, checked.

    `path` (file or folder, relative to the workspace) must be the registry's own for `sha256`. One
    that isn't here is fetched from the store, where one is named.
    Raises GateError for any other path and for links, MissingInputError when nothing is there, and
    IntegrityError when the content isn't the registered one.
    """
    own = registered_path(sha256) if _SHA256.fullmatch(sha256) else None
    if own is None or path not in (own, own.removesuffix(f"/{ADAPTER_FILE}")):
        raise GateError(
            "the path is not a registered adapter's",
            key="adapter",
            expected="checkpoints/registry/<sha256>, with the adapter's own hash",
            remedy="promote the adapter and use the path that its preset then names",
        )
    folder = workspace.registry / sha256
    if folder.is_symlink():
        raise GateError("a registered adapter must not be a link", file=folder, remedy=PROMOTE_ANEW)
    if os.environ.get(STORE) and not folder.exists():
        from slora_assets.storage.served import fetch_adapter

        fetch_adapter(workspace, sha256)
    _regular(folder / ADAPTER_FILE)
    _refuse_other(folder / ADAPTER_FILE, known_sha256(folder / ADAPTER_FILE), sha256)
    _regular(folder / ADAPTER_RECORD)
    if read_adapter_record(folder, PROMOTE_ANEW).sha256 != sha256:
        raise IntegrityError(
            "the record is another adapter's", file=folder / ADAPTER_RECORD, remedy=PROMOTE_ANEW
        )
    return folder


def verified_bytes(file: Path, sha256: str) -> bytes:
    """The bytes of an adapter file, read once and compared with `sha256`.

    Whoever loads these bytes loads what was verified, even if the file is swapped meanwhile.
    Raises MissingInputError, GateError for anything but a regular file, IntegrityError.
    """
    _regular(file)
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read()
    _refuse_other(file, sha256_bytes(content), sha256)
    return content


def _refuse_other(file: Path, found: str, sha256: str) -> None:
    if found != sha256:
        raise IntegrityError(
            "the adapter's content is not the recorded one",
            file=file,
            found=found,
            expected=sha256,
            remedy=PROMOTE_ANEW,
        )


def registered(workspace: Workspace) -> list[tuple[Path, AdapterRecord]]:
    """All registered adapters that are whole, by hash; others are left out."""
    found = []
    for folder in sorted(workspace.registry.glob("*")):
        if _SHA256.fullmatch(folder.name):
            try:
                open_registered(workspace, registered_path(folder.name), folder.name)
                found.append((folder, read_adapter_record(folder)))
            except (GateError, IntegrityError, MissingInputError):
                continue
    return found


def _regular(file: Path) -> None:
    try:
        mode = file.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError(
            "the registered adapter is not there", file=file, remedy=PROMOTE_ANEW
        ) from error
    if not stat.S_ISREG(mode):
        raise GateError("not a regular file", file=file, remedy=PROMOTE_ANEW)
