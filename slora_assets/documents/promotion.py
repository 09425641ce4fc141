"""`data/changelog.jsonl`: who let which adapter through, when and why."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slora_assets.config.licences import Use
from slora_assets.documents.document import Document, is_none
from slora_assets.documents.presets import PromotableAnswer, SpeedPreset


class Change(Document):
    """One promotion or demotion. A demotion has neither adapter hashes nor a verdict."""

    schema_version: Literal[1] = 1
    action: Literal["promote", "demote"]
    scenario: str
    by: str
    reason: str
    replaced: str | None
    """Hash of the adapter that the preset held before."""
    sha256: str | None = None
    verdict: PromotableAnswer | None = None
    verdict_reasons: list[str] = []
    scale: float | None = None
    """Strength that it is served at where a request names none."""
    scale_min: float | None = None
    """Requests may ask for no less, and for no more than `scale_max`: the gate let no other
    strengths through."""
    scale_max: float | None = None
    speeds: dict[str, SpeedPreset] | None = Field(default=None, exclude_if=is_none)
    """The speed presets that the gate let through at `scale`, as they were then; requests may name
    no others. Older entries don't say."""
    use: Use | None = Field(default=None, exclude_if=is_none)
    """What the licences of its parents allow it to be used for. Older entries don't say."""
    override_inconclusive: bool = False
    """Whether a person let an inconclusive verdict through."""
    scores_note: str | None = None
    """Why the scores behind the verdict mean nothing, where they don't."""
    base: str | None = None
    base_revision: str | None = None
    verdict_sha256: str | None = None
    """Of the verdict's file. Older entries say neither this nor the next."""
    ledger: str | None = None
    """Hash of the ledger's last entry when the adapter was let through: it is no shorter since."""
    run_hash: str | None = None
    config_hash: str | None = None
    dataset_hash: str | None = None


class LoggedChange(Change):
    """A change as it stands in the log."""

    time: str
    previous: str
    hash: str
