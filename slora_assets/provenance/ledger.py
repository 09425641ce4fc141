"""The ledger of a workspace: every record that a stage wrote, with its parents' hashes, in a chain
whose end is signed.

A document alone can be edited, or an older one be put back, and still look sound. Here stands what
its stage left; whoever reads it later compares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedRecord, Recorded, RecordKind
from slora_assets.provenance import chained_log
from slora_assets.provenance.hashing import sha256_file
from slora_assets.provenance.lineage_events import announce
from slora_assets.provenance.log_heads import LogHeads


def put_on_record(
    workspace: Workspace,
    kind: RecordKind,
    path: Path,
    parents: Iterable[Path] = (),
    files: Iterable[Path] = (),
) -> Recorded:
    """Write down that `path` was made from `parents`, with `files` below its folder beside it.

    Nothing is added where the ledger says so already. Raises IntegrityError when the ledger was
    tampered with, OSError for a file that isn't there.
    """
    made = Recorded(
        kind=kind,
        path=workspace.relative(path),
        sha256=sha256_file(path),
        files={file.relative_to(path.parent).as_posix(): sha256_file(file) for file in files},
        parents={workspace.relative(one): sha256_file(one) for one in parents},
    )
    _append(workspace, made)
    return made


def erase_from_record(workspace: Workspace, path: Path) -> None:
    """Write down that a record was erased on purpose. Raises IntegrityError."""
    last = last_record(workspace, path)
    if last is not None and last.sha256 is not None:
        _append(workspace, Recorded(kind=last.kind, path=last.path, sha256=None))


def erase_files_from_record(workspace: Workspace, erased: Collection[Path]) -> None:
    """Write down that files are erased on purpose, whether they are records or stand beside one;
    to be called before they are. Raises IntegrityError."""
    for last in last_records(workspace).values():
        path = workspace.absolute(last.path)
        left = {name: sha for name, sha in last.files.items() if path.parent / name not in erased}
        if path in erased:
            erase_from_record(workspace, path)
        elif left != last.files:
            _append(workspace, _again(last, last.sha256, left))


def amend_record(workspace: Workspace, path: Path) -> None:
    """Write down that what was erased was taken out of a record, which is all else that it was.
    Raises IntegrityError."""
    last = last_record(workspace, path)
    if last is not None and last.sha256 is not None:
        _append(workspace, _again(last, sha256_file(path), last.files))


def _again(last: LoggedRecord, sha256: str | None, files: Mapping[str, str]) -> Recorded:
    return Recorded(
        kind=last.kind, path=last.path, sha256=sha256, files=dict(files), parents=last.parents
    )


def last_record(workspace: Workspace, path: Path) -> LoggedRecord | None:
    """What the ledger says last of a record. Raises IntegrityError for a broken ledger."""
    return last_records(workspace).get(workspace.relative(path))


def last_records(workspace: Workspace) -> Mapping[str, LoggedRecord]:
    """By path, what the ledger says last of each record. Raises IntegrityError."""
    return {entry.path: entry for entry in all_records(workspace)}


def all_records(workspace: Workspace) -> list[LoggedRecord]:
    """The ledger, oldest first, its chain verified. Raises IntegrityError."""
    heads = ledger_heads(workspace)
    return list(_records_at(heads, heads.stamp()))


def ledger_heads(workspace: Workspace) -> LogHeads:
    """Where the ledger ends."""
    return LogHeads.beside(workspace.ledger, "the ledger")


def refuse_unrecorded(workspace: Workspace, path: Path, *, remedy: str) -> None:
    """Raise IntegrityError for a record that is not the last that the ledger knows under its path;
    also where it knows none."""
    if last_record(workspace, path) is None:
        raise IntegrityError(
            "no stage put this file on record",
            file=path,
            expected=f"an entry in {workspace.ledger}",
            remedy=remedy,
        )
    refuse_changed(workspace, path, remedy=remedy)


def refuse_changed(workspace: Workspace, path: Path, *, remedy: str) -> None:
    """Raise IntegrityError for a record, or one of the files written with it, that isn't what its
    stage left. One that the ledger doesn't know was made before there was one, and passes."""
    last = last_record(workspace, path)
    if last is None:
        return
    expected = {path: last.sha256} | {path.parent / k: v for k, v in last.files.items()}
    for file, sha256 in expected.items():
        found = sha256_file(file) if file.is_file() else None
        if found != sha256:
            raise IntegrityError(
                "the file is not what its stage left",
                file=file,
                found=found or "no file",
                expected=sha256 or "nothing: it was erased",
                remedy=remedy,
            )


def _append(workspace: Workspace, made: Recorded) -> None:
    last = last_records(workspace).get(made.path)
    known = last and Recorded.model_validate(last.model_dump(include=set(Recorded.model_fields)))
    if known != made:
        heads = ledger_heads(workspace)
        line = chained_log.append(workspace.ledger, made.model_dump(mode="json"), heads)
        announce(LoggedRecord.model_validate(line))


@lru_cache(maxsize=2)
def _records_at(heads: LogHeads, stamp: tuple[object, ...]) -> tuple[LoggedRecord, ...]:
    """The ledger as it stood at `stamp`."""
    return tuple(chained_log.verified(heads.log, LoggedRecord, what="the ledger", keeper=heads))
