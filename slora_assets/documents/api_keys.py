"""The keys that the service lets clients in by, as they are kept."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from slora_assets.documents.document import Document


class Scope(StrEnum):
    """What a key is good for."""

    READ = "read"
    """Look at what is there."""
    GENERATE = "generate"
    """Make clips, and cancel and delete one's own."""
    ADMIN = "admin"
    """Both, and everybody's jobs."""


class ApiKey(Document):
    """One key, as it is kept."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    """Its public part."""
    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^\P{C}+$")]
    """Whose it is, or what for."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole key."""
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Whether it lets anybody in."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for what asks for `scope`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class ApiKeys(Document):
    """All that were ever made."""

    schema_version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = ()
