"""A line of `outputs/comparisons/<run>.jsonl`: which of two unlabelled clips a person preferred."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slora_assets.documents.document import Document

Pressed = Literal["left", "right", "no_difference"]
Side = Literal["base", "adapter"]


class Comparison(Document):
    """One choice of one person on one pair: base and adapter on the same prompt and seed."""

    schema_version: Literal[1] = 1
    person: str = Field(min_length=1)
    run: str
    prompt_id: str
    seed: int
    pressed: Pressed
    left: Side
    """What stood on the left; the person could not know."""
    adapter_sha256: str
    validation_hash: str
    """With the adapter's hash: which samples were looked at."""


class LoggedComparison(Comparison):
    """A choice as it stands in the log."""

    time: str
    previous: str
    hash: str
