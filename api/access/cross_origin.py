"""What pages of other sites may do once their origins were named; without that, nothing."""

from __future__ import annotations

from typing import Any


def cross_origin(origins: tuple[str, ...]) -> dict[str, Any]:
    """Starlette's settings for them. No cookies and no password of the browser's: such a page shows
    a key of its own."""
    return {
        "allow_origins": origins,
        "allow_methods": ("GET", "POST", "DELETE"),
        "allow_headers": ("Authorization", "Idempotency-Key", "Prefer", "Range", "If-None-Match"),
        "expose_headers": (
            "ETag",
            "Link",
            "Location",
            "Retry-After",
            "X-Request-ID",
            "X-Temporal-Score",
        ),
    }
