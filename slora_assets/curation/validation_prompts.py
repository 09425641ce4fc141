"""Prompts that validation asks: a scenario's written ones, or those of its held-out clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from slora_assets.config.validation import ValidationPrompts
from slora_assets.documents import Clip


@dataclass(frozen=True)
class Prompt:
    """One prompt; `id` names its files and its row in a verdict."""

    id: str
    scenario: str
    text: str


def prompts_of(settings: ValidationPrompts, scenario: str, clips: Sequence[Clip]) -> list[Prompt]:
    """A scenario's prompts in a fixed order.

    A scenario that the file doesn't name is asked with the prompts of its validation clips, which
    no adapter was trained on.
    """
    written = settings.scenarios.get(scenario)
    if written is not None:
        texts = list(written.prompts)
        for template, subject, motion in product(
            written.templates, written.subjects, written.motions
        ):
            texts.append(" ".join(template.format(subject=subject, motion=motion).split()))
    else:
        held_out = [c for c in clips if c.scenario == scenario and c.split == "validation"]
        texts = [text for clip in held_out for text in clip.prompts]
    unique = list(dict.fromkeys(texts))
    return [Prompt(f"{scenario}_{i:02d}", scenario, text) for i, text in enumerate(unique)]


def spread(prompts: Sequence[Prompt], count: int) -> list[Prompt]:
    """`count` prompts evenly spaced over the list: neighbours of a product differ too little."""
    if count >= len(prompts):
        return list(prompts)
    return [prompts[i * len(prompts) // count] for i in range(count)]
