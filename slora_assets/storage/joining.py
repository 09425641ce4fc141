"""Parts that every machine adds to, joined where two have: the ledger, the quarantine, and what was
measured for verdicts. Other parts belong to whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Quarantine
from slora_assets.documents.storage import StoredPart
from slora_assets.provenance import write_json
from slora_assets.storage.commits import object_key
from slora_assets.storage.ledgers import join_ledger
from slora_assets.storage.parts import LEDGER, MEASURED, QUARANTINE
from slora_assets.storage.store import Store

JOINED_HERE: Final = frozenset({LEDGER, QUARANTINE})
"""Parts that are joined in their place, and listed again afterwards."""


def joined_part(
    workspace: Workspace, store: Store, theirs: StoredPart, ours: StoredPart
) -> StoredPart | None:
    """The part that has what both have; None where one would be lost. The ledger is joined in its
    place, and its files are to be listed again. Raises IntegrityError, StoreError."""
    if ours.part == MEASURED:  # named by what they depend on: what is equal in name is so in bytes
        return StoredPart(part=MEASURED, files=theirs.files | ours.files)
    if ours.part == LEDGER:
        take_ledger(workspace, store, theirs)
    elif ours.part == QUARANTINE:
        take_quarantine(workspace, store, theirs)
    return ours if ours.part in JOINED_HERE else None


def take_ledger(workspace: Workspace, store: Store, theirs: StoredPart) -> None:
    """Take the store's ledger in, with what this machine has of its own behind it."""
    contents = {path: store.read(object_key(one.sha256), one) for path, one in theirs.files.items()}
    log = workspace.ledger
    head = workspace.relative(log.with_name(f"{log.stem}.head.json"))
    join_ledger(workspace, contents.get(workspace.relative(log), b""), contents.get(head, b""))


def take_quarantine(workspace: Workspace, store: Store, theirs: StoredPart) -> None:
    """Add the clips that other machines could not use. An entry holds for the bytes and the decoder
    that it names, so one too many hinders nothing."""
    file = workspace.quarantine
    own = _read(file.read_bytes(), file) if file.is_file() else Quarantine(clips=[])
    known = {(one.stage, one.clip_id, one.path) for one in own.clips}
    clips = list(own.clips)
    for one in theirs.files.values():
        found = _read(store.read(object_key(one.sha256), one), file)
        clips += [c for c in found.clips if (c.stage, c.clip_id, c.path) not in known]
    if clips != own.clips:
        write_json(file, Quarantine(clips=clips).model_dump(mode="json"))


def _read(content: bytes, file: Path) -> Quarantine:
    try:
        return Quarantine.model_validate_json(content)
    except ValidationError as error:
        raise IntegrityError(
            f"not a list of clips that can't be used ({error.errors()[0]['msg']})",
            file=file,
            remedy="delete it and run `make data preprocess`",
        ) from error
