"""Captions and templates become the prompts a clip is trained with."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from slora_assets.config.data import ScenarioSettings
from slora_assets.config.text import tidy, words

_TYPO: Final = 1
"""Prompts so many slips of the keyboard apart are one prompt: a letter left out, put in, mistaken,
or two swapped."""


def prompts_for(clip_id: str, captions: Sequence[str], scenario: ScenarioSettings) -> list[str]:
    """At most `prompts_per_clip` different prompts, chosen by a hash of clip and prompt.

    Deterministic whatever the captions' order. Of prompts that differ by a typo the one in the
    captions' commoner words stands for all.
    """
    texts = {normalise(caption) for caption in captions}
    candidates: dict[str, str] = {}
    for text in sorted(texts):
        for template in scenario.prompt_templates:
            prompt = normalise(template.format(caption=text, description=scenario.description))
            if prompt:
                candidates.setdefault(prompt.casefold(), prompt)
    if len(candidates) == 1:  # nothing to choose
        return [*candidates.values()]
    common = Counter(word for text in texts for word in words(text))

    def usual(prompt: str) -> int:
        return min((common[word] for word in words(prompt) if word in common), default=0)

    order = {one: hashlib.sha256(f"{clip_id}\0{one}".encode()).digest() for one in candidates}
    chosen: list[str] = []
    # The commoner wording first, so that a typo finds what it is a typo of.
    for prompt in sorted(candidates, key=lambda one: (-usual(one), order[one])):
        if extractOne(prompt, chosen, scorer=OSA.distance, score_cutoff=_TYPO) is None:
            chosen.append(prompt)
    first = sorted(chosen, key=order.__getitem__)[: scenario.prompts_per_clip]
    return [candidates[prompt] for prompt in first]


def normalise(text: str) -> str:
    """A clean text on one line, no trailing full stop."""
    return tidy(text).removesuffix(".").rstrip()
