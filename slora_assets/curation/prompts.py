"""Captions and templates become the prompts a clip is trained with."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rapidfuzz.distance import OSA

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.text import tidy

_TYPO: Final = 1
"""Prompts so many slips of the keyboard apart are one prompt: a letter left out, put in, mistaken,
or two swapped."""


def prompts_for(clip_id: str, captions: Sequence[str], scenario: ScenarioSettings) -> list[str]:
    """At most `prompts_per_clip` different prompts, chosen by a hash of clip and prompt.

    Deterministic whatever the captions' order. Of prompts that differ by a typo the one in the
    captions' commoner words stands for all.
    """
    texts = {normalise(caption) for caption in captions}
    common = Counter(word for text in texts for word in _words(text))
    candidates: dict[str, str] = {}
    for text in sorted(texts):
        for template in scenario.prompt_templates:
            prompt = normalise(template.format(caption=text, description=scenario.description))
            if prompt:
                candidates.setdefault(prompt.casefold(), prompt)

    def order(prompt: str) -> bytes:
        return hashlib.sha256(f"{clip_id}\0{prompt.casefold()}".encode()).digest()

    def usual(prompt: str) -> int:
        return min((common[word] for word in _words(prompt) if word in common), default=0)

    chosen: list[str] = []
    # The commoner wording first, so that a typo finds what it is a typo of.
    for prompt in sorted(candidates.values(), key=lambda one: (-usual(one), order(one))):
        if not any(_one_but_for_a_typo(prompt, other) for other in chosen):
            chosen.append(prompt)
    return sorted(chosen, key=order)[: scenario.prompts_per_clip]


def normalise(text: str) -> str:
    """A clean text on one line, no trailing full stop."""
    return tidy(text).removesuffix(".").rstrip()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _one_but_for_a_typo(prompt: str, other: str) -> bool:
    if abs(len(prompt) - len(other)) > _TYPO:
        return False
    distance = OSA.distance(prompt.casefold(), other.casefold(), score_cutoff=_TYPO)
    return bool(distance <= _TYPO)
