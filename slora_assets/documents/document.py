"""What all documents have in common."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict

from slora_assets.config.described import Described

RULES: Final = ConfigDict(
    extra="forbid",
    frozen=True,
    serialize_by_alias=True,
    validate_by_name=True,
)
"""Unknown keys are errors, and what was read never changes. A field whose name in the file would
read badly in code has that name as its alias."""


def is_none(value: object) -> bool:
    """For `exclude_if` of fields that came later: without them documents have the bytes that they
    had before."""
    return value is None


class Document(Described):
    """A part of a JSON file that another room reads."""

    model_config = RULES
