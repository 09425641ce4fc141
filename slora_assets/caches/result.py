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
    hash: str
    """Over all valid entries: their data version."""
