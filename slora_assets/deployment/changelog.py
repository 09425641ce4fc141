"""The hash-chained change log, in typed entries: who let which adapter through, when and why."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from slora_assets.documents import Change, LoggedChange
from slora_assets.provenance import chained_log
from slora_assets.provenance.log_heads import LogHeads


def log_change(path: Path, change: Change) -> LoggedChange:
    """Append a change. Raises IntegrityError when the log was tampered with."""
    line = chained_log.append(path, change.model_dump(mode="json"), change_heads(path))
    return LoggedChange.model_validate(line)


def read_changes(path: Path) -> list[LoggedChange]:
    """All changes, oldest first, after verifying the chain and where it ends. Raises
    IntegrityError."""
    heads = change_heads(path)
    return list(_changes_at(heads, heads.stamp()))


def change_heads(path: Path) -> LogHeads:
    """Where the change log ends."""
    return LogHeads.beside(path, "the change log")


def promotion_of(path: Path, scenario: str, sha256: str) -> LoggedChange | None:
    """The promotion by which an adapter is served for a scenario now: the scenario's last change,
    if it let this very adapter through. Raises IntegrityError when the log was tampered with."""
    for change in reversed(read_changes(path)):
        if change.scenario == scenario:
            return change if (change.action, change.sha256) == ("promote", sha256) else None
    return None


@lru_cache(maxsize=2)
def _changes_at(heads: LogHeads, stamp: tuple[object, ...]) -> tuple[LoggedChange, ...]:
    """The log as it stood at `stamp`."""
    return tuple(chained_log.verified(heads.log, LoggedChange, what="the change log", keeper=heads))


def one_line(text: str) -> str:
    """A text as a terminal may show it: a line feed or an escape sequence in a reason must not
    pass for an entry of its own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
