"""What is signed beside files that are signed as they stand: where a log ends, and what a preset
was when a person set it."""

from __future__ import annotations

from typing import Any, Literal

from slora_assets.documents.document import Document
from slora_assets.documents.presets import ScenarioPreset, Sha256, SpeedPreset


class LogHead(Document):
    """`<log>.head.json`: where a chained log ends, so that cutting lines off shows."""

    schema_version: Literal[1] = 1
    log: str | None = None
    """The log's file name. Older heads say neither this nor what follows `hash`."""
    entries: int
    """How many there are, the last of them included."""
    hash: str
    """Of the last of them."""
    line: dict[str, Any] | None = None
    """The last of them, whole: whoever is killed before it is written has lost nothing."""
    key: Sha256 | None = None
    """Fingerprint of the key that signed; null: nobody signed."""
    signature: str | None = None
    """ECDSA with SHA-256 in Base64, of all other keys but `key` (RFC 8785, in DSSE's envelope)."""


class SignedPreset(Document):
    """`data/signed_presets/<scenario>.json`: what a person let be served, and how."""

    schema_version: Literal[1] = 1
    scenario: str
    base_model: str
    """The base that it is served on."""
    speed: SpeedPreset
    """How that is sampled."""
    preset: ScenarioPreset
    """The adapter, and the strengths it may be asked for."""
    change: Sha256
    """Hash of the change log's entry by which it was promoted."""
