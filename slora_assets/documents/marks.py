"""`outputs/register/<id>.json`: a video that was published, so that it is known again without its
credentials and without its watermark; and what each of the three says that it was made with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slora_assets.documents.document import Document
from slora_assets.documents.presets import Sha256


class MadeWith(Document):
    """What a generated video was made with, as its credentials and the register say it; null where
    whoever published it didn't say. The prompt is no part of it: files are passed on."""

    adapter_sha256: Sha256 | None = None
    scenario: str | None = None
    status: str | None = None
    """`promoted`, or `preview`: by nobody yet."""
    verdict: str | None = None
    """The gate's answer about the adapter."""
    lora_scale: float | None = None
    """Strength of the adapter."""
    base: str | None = None
    base_revision: str | None = None
    base_licence: str | None = None
    base_parts: dict[str, str] = Field(default_factory=dict)
    """Hashes of the base's weights, by part."""
    run_hash: str | None = None
    dataset_hash: str | None = None


class RegisteredVideo(Document):
    """One published video."""

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Its name; the watermark holds the first eight digits."""
    sha256: Sha256
    """Of the published file."""
    fingerprint: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """256 bit perceptual hashes of its first frame, the one in the middle and the last."""
    made: str
    """When, UTC."""
    made_with: MadeWith


class SignedVideo(RegisteredVideo):
    """The entry as it stands in the register."""

    key: Sha256
    """Of the public key (DER) that the signature is checked with."""
    signature: str
    """ECDSA with SHA-256 over the entry's canonical JSON (RFC 8785) without `signature`, in
    hexadecimal DER."""
