"""Who let which adapter through, when and why: typed entries of the hash-chained change log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance import chain


class Change(BaseModel):
    """One promotion or demotion. A demotion has neither adapter hashes nor a verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    action: Literal["promote", "demote"]
    scenario: str
    by: str
    reason: str
    replaced: str | None
    """Hash of the adapter that the preset held before."""
    sha256: str | None = None
    verdict: Literal["pass", "inconclusive"] | None = None
    verdict_reasons: list[str] = []
    override_inconclusive: bool = False
    """Whether a person let an inconclusive verdict through."""
    scores_note: str | None = None
    """Why the scores behind the verdict mean nothing, where they don't."""
    base: str | None = None
    base_revision: str | None = None
    run_hash: str | None = None
    config_hash: str | None = None
    dataset_hash: str | None = None


class LoggedChange(Change):
    """A change as it stands in the log."""

    time: str
    previous: str
    hash: str


def log_change(path: Path, change: Change) -> LoggedChange:
    """Append a change. Raises IntegrityError when the log was tampered with."""
    return LoggedChange.model_validate(chain.append(path, change.model_dump(mode="json")))


def read_changes(path: Path) -> list[LoggedChange]:
    """All changes, oldest first, after verifying the chain. Raises IntegrityError."""
    changes = []
    for number, entry in enumerate(chain.verify(path), start=1):
        try:
            changes.append(LoggedChange.model_validate(entry))
        except ValidationError as error:
            raise IntegrityError(
                f"not an entry of the change log ({error.errors()[0]['msg']})",
                file=path,
                line=number,
            ) from error
    return changes


def promotion_of(path: Path, scenario: str, sha256: str) -> LoggedChange | None:
    """The latest promotion of an adapter for a scenario, if the log holds one."""
    for change in reversed(read_changes(path)):
        if (change.action, change.scenario, change.sha256) == ("promote", scenario, sha256):
            return change
    return None
