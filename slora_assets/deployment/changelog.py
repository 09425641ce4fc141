"""The hash-chained change log, in typed entries: who let which adapter through, when and why."""

from __future__ import annotations

from pathlib import Path

from slora_assets.documents import Change, LoggedChange
from slora_assets.provenance import chained_log


def log_change(path: Path, change: Change) -> LoggedChange:
    """Append a change. Raises IntegrityError when the log was tampered with."""
    return LoggedChange.model_validate(chained_log.append(path, change.model_dump(mode="json")))


def read_changes(path: Path) -> list[LoggedChange]:
    """All changes, oldest first, after verifying the chain. Raises IntegrityError."""
    return chained_log.verified(path, LoggedChange, what="the change log")


def promotion_of(path: Path, scenario: str, sha256: str) -> LoggedChange | None:
    """The promotion by which an adapter is served for a scenario now: the scenario's last change,
    if it let this very adapter through. Raises IntegrityError when the log was tampered with."""
    for change in reversed(read_changes(path)):
        if change.scenario == scenario:
            return change if (change.action, change.sha256) == ("promote", sha256) else None
    return None


def one_line(text: str) -> str:
    """A text as a terminal may show it: a line feed or an escape sequence in a reason must not
    pass for an entry of its own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
