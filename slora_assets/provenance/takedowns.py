"""The list of takedowns: append-only, hash-chained, and known to be whole.

The chain shows what was changed; that lines were cut off its end show its signed heads, one beside
the list and one beside the adapters; that it is gone with both of them shows the ledger, which has
the list on record. A list that is not what it was is refused, never read in part.
"""

from __future__ import annotations

from functools import lru_cache

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedTakedown, Takedown
from slora_assets.provenance import chained_log
from slora_assets.provenance.ledger import last_record, put_on_record
from slora_assets.provenance.log_heads import LogHeads

_REMEDY = (
    "restore the list from a copy: until then nobody can say which footage was taken down, and"
    " nothing is curated, promoted or served. If it is you who put an older one back, run"
    " `slora sign --as-they-stand`"
)


def read_takedowns(workspace: Workspace) -> tuple[LoggedTakedown, ...]:
    """All entries, oldest first; none where nothing was ever taken down.

    Read again whenever a file of it changes. Raises IntegrityError for a list that was edited, cut,
    exchanged or deleted.
    """
    heads = takedown_heads(workspace)
    entries = _whole(heads, heads.stamp())
    recorded = None if entries else last_record(workspace, workspace.takedowns)
    if recorded is not None and recorded.sha256 is not None:
        raise IntegrityError(
            "the list of takedowns is gone",
            file=workspace.takedowns,
            remedy="restore it from a copy, with its heads",
        )
    return entries


def takedown_heads(workspace: Workspace) -> LogHeads:
    """Where the list ends."""
    files = workspace.takedown_heads
    return LogHeads(workspace.takedowns, "the list of takedowns", files, _REMEDY)


def head_of(workspace: Workspace) -> str | None:
    """The hash that stands for the whole list; None for an empty one. Raises as `read_takedowns`
    does."""
    entries = read_takedowns(workspace)
    return entries[-1].hash if entries else None


def log_takedown(workspace: Workspace, takedown: Takedown) -> LoggedTakedown:
    """Append an entry. Raises IntegrityError for a list that isn't whole: nothing is added then."""
    finish_logging(workspace)
    entry, heads = takedown.model_dump(mode="json"), takedown_heads(workspace)
    line = chained_log.append(workspace.takedowns, entry, heads)
    put_on_record(workspace, "takedowns", workspace.takedowns)
    return LoggedTakedown.model_validate(line)


def finish_logging(workspace: Workspace) -> None:
    """Put the list on record as it is, wherever that isn't done: whoever was killed between the
    entry and that is made good. Raises IntegrityError for a list that isn't whole."""
    if read_takedowns(workspace) and workspace.takedowns.is_file():
        put_on_record(workspace, "takedowns", workspace.takedowns)


@lru_cache(maxsize=8)
def _whole(heads: LogHeads, stamp: tuple[object, ...]) -> tuple[LoggedTakedown, ...]:
    """The list as it stood at `stamp`."""
    entries = chained_log.verified(
        heads.log, LoggedTakedown, what=heads.what, remedy=_REMEDY, keeper=heads
    )
    if entries and not any(head.exists() for head in heads.files):
        raise IntegrityError(
            "nothing says where the list of takedowns ends",
            file=heads.files[0],
            expected=f"the head of {heads.log.name}",
            remedy="restore it from a copy",
        )
    return tuple(entries)
