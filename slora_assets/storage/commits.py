"""The commits of a store: numbered, each naming all parts, each created once and never replaced.

An object store renames nothing, so the commit is the mark that a publication is whole: it is
created after all that it names is there, on condition that nobody has that number yet.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.documents.storage import PartEntry, StoreCommit, StoredFile, StoredPart
from slora_assets.provenance import json_text, sha256_bytes
from slora_assets.storage.store import Store


def commit_key(number: int) -> str:
    """Where a commit lies."""
    return f"commits/{number:010d}.json"


def object_key(sha256: str) -> str:
    """Where bytes lie, by their hash."""
    return f"objects/{sha256[:2]}/{sha256}"


def newest_commit(store: Store, known: int = 0) -> StoreCommit | None:
    """The last commit; None of an empty store. `known` is one that is there.

    Numbers have no gaps, so a few questions find the last, and no listing. Raises StoreError,
    IntegrityError.
    """
    there, step = known, 1
    while store.size(commit_key(there + step)) is not None:
        there, step = there + step, 2 * step
    beyond = there + step
    while beyond - there > 1:
        middle = (there + beyond) // 2
        if store.size(commit_key(middle)) is None:
            beyond = middle
        else:
            there = middle
    return read_commit(store, there) if there else None


def read_commit(store: Store, number: int) -> StoreCommit:
    """A commit. Raises NotStoredError, StoreError, IntegrityError."""
    key = commit_key(number)
    content = store.read(key)
    try:
        found = StoreCommit.model_validate_json(content)
    except ValidationError as error:
        raise _no_document(store, key, "a commit", error) from error
    if found.number != number:
        raise IntegrityError(
            "the commit has another number than its name",
            key=store.at(key),
            found=found.number,
            expected=str(number),
            remedy="restore the object from a copy",
        )
    return found


def next_commit(
    last: StoreCommit | None, changed: Sequence[str], parts: Mapping[str, PartEntry]
) -> StoreCommit:
    """The commit after `last`, with these parts."""
    return StoreCommit(
        number=last.number + 1 if last else 1,
        id=uuid.uuid4().hex,
        previous=sha256_bytes(written(last)) if last else None,
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        host=socket.gethostname(),
        changed=sorted(changed),
        parts=dict(parts),
    )


def append_commit(store: Store, commit: StoreCommit) -> bool:
    """Create a commit; False where somebody else has its number. Raises StoreError."""
    return store.create(commit_key(commit.number), written(commit))


def written(document: StoreCommit | StoredPart) -> bytes:
    """A document as it lies in a store."""
    return json_text(document.model_dump(mode="json")).encode()


def read_part(store: Store, name: str, entry: PartEntry) -> StoredPart:
    """The files of a part, as a commit names them. Raises NotStoredError, StoreError,
    IntegrityError."""
    key = object_key(entry.sha256)
    content = store.read(key, StoredFile(sha256=entry.sha256, bytes_=entry.bytes_))
    try:
        found = StoredPart.model_validate_json(content)
    except ValidationError as error:
        raise _no_document(store, key, "a list of a part's files", error) from error
    if found.part != name:
        raise IntegrityError(
            "the list is another part's", key=store.at(key), found=found.part, expected=name
        )
    return found


def entry_of(part: StoredPart) -> PartEntry:
    """What a commit says of a part."""
    content = written(part)
    return PartEntry(
        sha256=sha256_bytes(content),
        bytes_=len(content),
        files=len(part.files),
        total_bytes=sum(one.bytes_ for one in part.files.values()),
    )


def _no_document(store: Store, key: str, what: str, error: ValidationError) -> IntegrityError:
    return IntegrityError(
        f"the object is not {what} ({error.errors()[0]['msg']})",
        key=store.at(key),
        remedy="restore the object from a copy, or update the project that reads it",
    )
