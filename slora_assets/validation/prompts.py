"""Fixed prompts and seeds (`configs/training/validation_prompts.yaml`), and the gate's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field

from slora_assets.config.yaml_reader import Settings, read_settings
from slora_assets.validation.gate import GateSettings


class ScenarioPrompts(Settings):
    """Prompts of one scenario: written out, or every template with every subject and motion."""

    prompts: list[str] = []
    templates: list[str] = []
    """May hold `{subject}` and `{motion}`."""
    subjects: list[str] = [""]
    motions: list[str] = [""]


class ValidationPrompts(Settings):
    """The file, whole."""

    schema_version: Literal[1]
    seeds: Annotated[list[int], Field(min_length=1)]
    """Each prompt is sampled once a seed."""
    scenarios: dict[str, ScenarioPrompts]
    gate: GateSettings


@dataclass(frozen=True)
class Prompt:
    """One prompt; `id` names its files and its row in a verdict."""

    id: str
    scenario: str
    text: str


class HeldOutClip(Protocol):
    """A validation clip, whose prompts stand in where no prompts are written."""

    @property
    def split(self) -> str: ...
    @property
    def scenario(self) -> str: ...
    @property
    def prompts(self) -> list[str]: ...


def read_prompts(path: Path) -> ValidationPrompts:
    """Read the file. Raises ConfigError, MissingInputError."""
    return read_settings(path, ValidationPrompts)


def prompts_of(
    settings: ValidationPrompts, scenario: str, clips: Sequence[HeldOutClip]
) -> list[Prompt]:
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
