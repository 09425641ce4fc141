"""The list of takedowns: append-only, hash-chained, and known to be whole.

The chain shows what was changed; that lines were cut off its end show its heads, one beside the
list and one beside the adapters. A list that is not what it was is refused, never read in part.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedTakedown, Takedown, TakedownHead
from slora_assets.provenance import chained_log
from slora_assets.provenance.files import write_json
from slora_assets.provenance.records import read_document
from slora_assets.provenance.stat_cache import file_stamp

_REMEDY = (
    "restore the list from a copy: until then nobody can say which footage was taken down, and"
    " nothing is curated, promoted or served"
)


def read_takedowns(workspace: Workspace) -> tuple[LoggedTakedown, ...]:
    """All entries, oldest first; none where nothing was ever taken down.

    Read again whenever a file of it changes. Raises IntegrityError for a list that was edited, cut,
    exchanged or deleted.
    """
    files = (workspace.takedowns, *workspace.takedown_heads)
    return _whole(files, tuple(file_stamp(file) for file in files))


def head_of(workspace: Workspace) -> str | None:
    """The hash that stands for the whole list; None for an empty one. Raises as `read_takedowns`
    does."""
    entries = read_takedowns(workspace)
    return entries[-1].hash if entries else None


def log_takedown(workspace: Workspace, takedown: Takedown) -> LoggedTakedown:
    """Append an entry. Raises IntegrityError for a list that isn't whole: nothing is added then."""
    finish_logging(workspace)
    line = chained_log.append(workspace.takedowns, takedown.model_dump(mode="json"))
    finish_logging(workspace)
    return LoggedTakedown.model_validate(line)


def finish_logging(workspace: Workspace) -> None:
    """Note where the list ends, wherever that isn't noted: whoever was killed between the entry and
    its heads is made good. Raises IntegrityError for a list that isn't whole."""
    entries = _entries(workspace.takedowns)
    for head in workspace.takedown_heads:
        if head.is_file():
            _reaches(workspace.takedowns, entries, head)
    if entries:
        last = TakedownHead(entries=len(entries), hash=entries[-1].hash)
        for head in workspace.takedown_heads:
            write_json(head, last.model_dump(mode="json"))


@lru_cache(maxsize=8)
def _whole(
    files: tuple[Path, ...], stamps: tuple[tuple[int, ...], ...]
) -> tuple[LoggedTakedown, ...]:
    """The list as it stood at `stamps`."""
    file, *heads = files
    entries = _entries(file)
    noted = [head for head in heads if head.exists()]
    for head in noted:
        _reaches(file, entries, head)
    if entries and not noted:
        raise IntegrityError(
            "nothing says where the list of takedowns ends",
            file=heads[0],
            expected=f"the head of {file.name}",
            remedy="restore it from a copy; where a takedown was interrupted, run it again",
        )
    return tuple(entries)


def _entries(file: Path) -> list[LoggedTakedown]:
    what = "the list of takedowns"
    return chained_log.verified(file, LoggedTakedown, what=what, remedy=_REMEDY)


def _reaches(file: Path, entries: list[LoggedTakedown], head_file: Path) -> None:
    """Raise IntegrityError for a list that ends before its head, or has another entry there."""
    head = read_document(head_file, TakedownHead, what="the list's head", remedy=_REMEDY)
    if not 0 < head.entries <= len(entries) or entries[head.entries - 1].hash != head.hash:
        raise IntegrityError(
            "the list of takedowns was cut, or is another one",
            file=file,
            found=f"{len(entries)} entries",
            expected=f"{head.entries} at least, the last of them with the hash {head.hash}"
            f" that {head_file} notes",
            remedy=_REMEDY,
        )
