"""Captions and templates become the prompts a clip is trained with."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from slora_assets.config.data import ScenarioSettings


def prompts_for(clip_id: str, captions: Sequence[str], scenario: ScenarioSettings) -> list[str]:
    """At most `prompts_per_clip` different prompts, chosen by a hash of clip and prompt.

    Deterministic, and stable when captions are added: a chosen prompt loses its place only to one
    whose hash is smaller.
    """
    candidates: dict[str, str] = {}
    for caption in captions:
        for template in scenario.prompt_templates:
            prompt = normalise(
                template.format(caption=normalise(caption), description=scenario.description)
            )
            if prompt:
                candidates.setdefault(prompt.casefold(), prompt)

    def order(prompt: str) -> bytes:
        return hashlib.sha256(f"{clip_id}\0{prompt.casefold()}".encode()).digest()

    return sorted(candidates.values(), key=order)[: scenario.prompts_per_clip]


def normalise(text: str) -> str:
    """NFC, single spaces, no control characters, no trailing full stop."""
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(
        character if unicodedata.category(character)[0] != "C" else " " for character in composed
    )
    return " ".join(printable.split()).removesuffix(".").rstrip()
