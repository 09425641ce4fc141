"""What a caching stage did."""

from __future__ import annotations

from slora_assets.documents import Document, QuarantinedClip


class CacheResult(Document):
    """Handed from a caching worker to whoever started it, as JSON."""

    made: int
    """Entries made."""
    kept: int
    """Entries that stood."""
    quarantined: list[QuarantinedClip] = []
    generated: dict[str, str] = {}
    """Clips whose pixels show that a model made them, by id, with what shows it."""
    hash: str
    """Over all valid entries: their data version."""
