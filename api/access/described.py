"""What the door answers, written into the contract: every route may answer so."""

from __future__ import annotations

from typing import Any, Final

from api.access.door import OPEN

_PROBLEM: Final[dict[str, Any]] = {"content": {"application/problem+json": {}}}
_ANSWERS: Final = {
    "401": "A key is needed, and none that is valid was shown.",
    "403": "The key is not good for this, or a page of another site asks.",
    "429": "The key is used too much; Retry-After says when to come back.",
}


def describe(document: dict[str, Any]) -> None:
    """Add keys and refusals to the contract."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "Made with `slora api-keys add`. On the loopback address none is needed,"
        " unless the service was told to ask for one.",
    }
    for path, methods in document["paths"].items():
        if path in OPEN:
            continue
        for operation in methods.values():
            operation["security"] = [{"key": []}, {}]
            for status, why in _ANSWERS.items():
                operation["responses"].setdefault(status, {"description": why, **_PROBLEM})
