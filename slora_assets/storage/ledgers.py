"""Two machines' ledgers made one: the store's first, then what this machine wrote since they
parted, chained to it and signed here. Nothing that a stage put on record is lost.

The chain's end is taken or put in place under the ledger's own lock, so that no stage adds to a
ledger that is exchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import rfc8785
from filelock import lock_descriptor

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedRecord, Recorded
from slora_assets.provenance import chained_log, object_hash, same_as, write_bytes
from slora_assets.provenance.hashing import Json
from slora_assets.provenance.ledger import ledger_heads

_Lines = list[dict[str, Json]]
_OWN_KEYS: Final = ("previous", "hash")


def ledger_bytes(workspace: Workspace) -> tuple[bytes, bytes]:
    """The ledger and its head as they belong together; nothing of one that isn't there."""
    finish_joining(workspace)
    log, head = workspace.ledger, ledger_heads(workspace).files[0]
    if not log.is_file():
        return b"", b""
    with log.open("rb") as stream:
        lock_descriptor(stream.fileno())
        return stream.read(), head.read_bytes() if head.is_file() else b""


def join_ledger(workspace: Workspace, theirs: bytes, head: bytes) -> bool:
    """Take the store's ledger in; whether this machine's own entries stand behind it now.

    Raises IntegrityError for a broken ledger, and for one that can't be joined: a promotion rests
    on the entries that would move.
    """
    finish_joining(workspace)
    log, heads = workspace.ledger, ledger_heads(workspace)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+b") as stream:
        lock_descriptor(stream.fileno())
        stream.seek(0)
        own = stream.read()
        if own.startswith(theirs) and len(own) > len(theirs):
            return True
        if theirs.startswith(own):  # also where only its head was not written yet
            stream.write(theirs[len(own) :])
            stream.flush()
            write_bytes(heads.files[0], head)
            return False
        joined = _joined(workspace, own, theirs)
        write_bytes(_note(workspace), b"".join(rfc8785.dumps(one) + b"\n" for one in joined))
        heads.forget(joined)
        same_as(_note(workspace), log)
        heads.write(joined)
        _note(workspace).unlink()
        return True


def finish_joining(workspace: Workspace) -> None:
    """Finish what was killed while it put a joined ledger in place."""
    note, log = _note(workspace), workspace.ledger
    if not note.is_file():
        return
    content = note.read_bytes()
    own = log.read_bytes() if log.is_file() else b""
    if not own.startswith(content) or own == content:
        lines, heads = _lines(content, note), ledger_heads(workspace)
        heads.forget(lines)
        write_bytes(log, content)
        heads.write(lines)
    note.unlink()


def _note(workspace: Workspace) -> Path:
    return workspace.ledger.with_name(f".{workspace.ledger.stem}.joined.jsonl")


def _joined(workspace: Workspace, own: bytes, theirs: bytes) -> _Lines:
    ours, before = _lines(own, workspace.ledger), _lines(theirs, workspace.ledger)
    common = 0
    for mine, one in zip(ours, before, strict=False):
        if mine["hash"] != one["hash"]:
            break
        common += 1
    moved = ours[common:]
    _refuse_promoted(workspace, {str(one["hash"]) for one in moved})
    joined, last = list(before), {str(one["path"]): one for one in before}
    for one in moved:
        there = last.get(str(one["path"]))
        if there is None or _said(there) != _said(one):
            line = {key: value for key, value in one.items() if key not in _OWN_KEYS}
            line["previous"] = joined[-1]["hash"] if joined else chained_log.START
            line["hash"] = object_hash(line)
            joined.append(line)
            last[str(one["path"])] = line
    return joined


def _said(line: Mapping[str, Json]) -> Recorded:
    return Recorded.model_validate(
        LoggedRecord.model_validate(line).model_dump(include=set(Recorded.model_fields))
    )


def _refuse_promoted(workspace: Workspace, moved: set[str]) -> None:
    if not workspace.changelog.is_file():
        return
    changes = _lines(workspace.changelog.read_bytes(), workspace.changelog)
    resting = [str(one.get("scenario")) for one in changes if one.get("ledger") in moved]
    if resting:
        raise IntegrityError(
            "this machine's ledger and the store's have gone different ways, and a promotion rests"
            " on this one's",
            file=workspace.ledger,
            found=f"promotions of {', '.join(sorted(set(resting)))}",
            expected="promotions on one machine, after it has pulled",
            remedy="pull into another workspace, and promote again there",
        )


def _lines(content: bytes, file: Path) -> _Lines:
    """The entries of a chained log, its chain verified. Raises IntegrityError."""
    previous, found = chained_log.START, _Lines()
    for number, raw in enumerate(content.splitlines(), start=1):
        try:
            line = json.loads(raw)
            bare = {key: value for key, value in line.items() if key != "hash"}
            whole = line["previous"] == previous and line["hash"] == object_hash(bare)
        except (ValueError, KeyError, AttributeError, TypeError):
            whole = False
        if not whole:
            raise IntegrityError(
                "the log's chain is broken",
                file=file,
                line=number,
                remedy="restore the log from a copy; it may have been tampered with",
            )
        previous = line["hash"]
        found.append(line)
    return found
