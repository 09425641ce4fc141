"""SHA-256 of files and of JSON-like objects (RFC 8785), the only two hashes slora knows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import rfc8785

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
"""What canonical JSON can hold; NaN and infinities are refused by RFC 8785."""


def sha256_bytes(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes. Raises OSError when it can't be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def object_hash(value: object) -> str:
    """Hex SHA-256 of a JSON-like object's canonical form.

    Raises rfc8785.CanonicalizationError for NaN, infinities and integers beyond 2**53.
    """
    return sha256_bytes(canonical_json(value).encode())


def canonical_json(value: object) -> str:
    """A JSON-like object's canonical form (RFC 8785: sorted keys, one number form).

    Raises rfc8785.CanonicalizationError for NaN, infinities and integers beyond 2**53.
    """
    # Any object is taken: what JSON can't hold is refused when it is met.
    return rfc8785.dumps(cast("Any", value)).decode()
