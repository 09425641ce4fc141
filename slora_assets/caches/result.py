"""What a caching stage did."""

from __future__ import annotations

from collections import Counter

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

    def told(self, what: str) -> str:
        """What was done to `what`, in a line: clips that were left out are said with their number
        for each reason."""
        said = f"{what}: {self.made} made, {self.kept} kept"
        if not self.quarantined:
            return said
        reasons = sorted(Counter(one.reason for one in self.quarantined).items())
        each = ", ".join(f"{count} {reason}" for reason, count in reasons)
        clips = "clip is" if len(self.quarantined) == 1 else "clips are"
        return f"{said}; {len(self.quarantined)} {clips} in quarantine ({each})"
