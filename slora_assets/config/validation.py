"""Settings of validation (`configs/training/validation_prompts.yaml`): fixed prompts and seeds, and
what the gate guards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from slora_assets.config.templates import checked_template
from slora_assets.config.yaml_reader import Settings, read_settings

Yardstick = Literal["base", "base_or_footage", "footage"]


class Guard(Settings):
    """What a metric guards: by how much the adapter may be worse than its yardstick."""

    higher_is_better: bool = True
    yardstick: Yardstick = "base"
    """`base`: the base's clip of the same prompt and seed. `base_or_footage`: the same, but where
    the scenario's footage is worse than the base's clips are, as much worse is allowed: nobody can
    be asked to be steadier than what is to be shown. `footage`: the footage's mean."""
    margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How much worse than the yardstick, in the metric's own unit, still counts as not worse."""
    least_share: float | None = Field(default=None, gt=0, le=1)
    """Instead, against footage: the share of its mean that the adapter has to reach."""
    improves: bool = False
    """Whether getting better than the base at this is a reason to serve the adapter."""

    @model_validator(mode="after")
    def _one_limit(self) -> Guard:
        if (self.margin is None) == (self.least_share is None):
            raise ValueError("a guard has either a margin or a least_share")
        if self.least_share is not None and not (
            self.yardstick == "footage" and self.higher_is_better
        ):
            raise ValueError("a least_share is one of the footage's, where higher is better")
        return self


class GateSettings(Settings):
    """What the gate guards, and how strictly."""

    guards: dict[str, Guard] = Field(min_length=1)
    """By metric."""
    min_clips: int = Field(default=32, ge=2)
    """Distinct clips of each side, a prompt with a seed each; below this the bounds' error rate is
    not what they claim, so nothing passes."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of each one-sided bound."""
    bootstrap_samples: int = Field(default=10_000, ge=100)
    bootstrap_seed: int = Field(default=0, ge=0)
    veto_margins: float = Field(default=5.0, gt=0)
    """A single prompt worse by more than this many margins fails the adapter, unless the footage's
    own spread reaches as far."""
    veto_error: float = Field(default=0.01, gt=0, lt=1)
    """How often one of the prompts of an adapter that is as good as footage may lie outside of the
    footage's spread by chance."""
    held_out_loss_share: float = Field(default=1.0, gt=0)
    """Of the base's loss of the held-out clips: what the adapter's may not exceed."""
    min_effect: float = Field(default=1 / 255, ge=0, le=1)
    """Noise floor of `difference`: what two runs of the base with one seed differ by."""
    same_clip: float = Field(default=2 / 255, ge=0, le=1)
    """Clips of one side that differ by no more than this, mean absolute difference of intensities
    0..1, count as one, whatever their prompts and seeds."""

    @model_validator(mode="after")
    def _something_improves(self) -> GateSettings:
        if not any(guard.improves for guard in self.guards.values()):
            raise ValueError("no guard has 'improves': an adapter has to get better at something")
        return self


class WrittenPrompt(Settings):
    """A prompt that is written out: its text alone, or a mapping with labels.

    Prompts with the same label share something that makes their results alike, so that many of
    them say less than as many others; a prompt without that label shares it with none.
    """

    text: Annotated[str, Field(pattern=r"\S")]
    subject: str | None = None
    """What it shows: for prompts out of captions, the clip."""
    motion: str | None = None
    """What happens in it."""
    template: str | None = None
    """The wording around subject and motion, or around the caption."""

    @model_validator(mode="before")
    @classmethod
    def _text_alone(cls, given: object) -> object:
        return {"text": given} if isinstance(given, str) else given


class ScenarioPrompts(Settings):
    """Prompts of one scenario: written out, or every template with every subject and motion."""

    prompts: list[WrittenPrompt] = []
    """Each a text, or a mapping `{text, subject, motion, template}` whose labels say what it shares
    with others."""
    templates: list[str] = []
    """May hold `{subject}` and `{motion}`."""
    subjects: list[str] = [""]
    motions: list[str] = [""]
    count: Annotated[int, Field(ge=1)] | None = None
    """So many of the combinations of templates, subjects and motions, spread evenly over each of
    them; null: all."""

    @field_validator("templates")
    @classmethod
    def _known_placeholders(cls, templates: list[str]) -> list[str]:
        return [checked_template(template, ("subject", "motion")) for template in templates]

    @model_validator(mode="after")
    def _asks_something(self) -> ScenarioPrompts:
        combinations = len(self.templates) * len(self.subjects) * len(self.motions)
        if not self.prompts and not combinations:
            raise ValueError(
                "no prompt is asked: write some under prompts, or templates with subjects and"
                " motions"
            )
        for template in self.templates:
            without = template.replace("{subject}", "").replace("{motion}", "")
            subjects = self.subjects if "{subject}" in template else [""]
            motions = self.motions if "{motion}" in template else [""]
            said = without.strip() or (_all_say(subjects) or _all_say(motions))
            if not said:
                raise ValueError(f"template {template!r} with these subjects and motions is blank")
        return self

    @model_validator(mode="after")
    def _count_can_be_had(self) -> ScenarioPrompts:
        combinations = len(self.templates) * len(self.subjects) * len(self.motions)
        if self.count is not None and self.count > combinations:
            raise ValueError(
                f"count is {self.count}, and templates, subjects and motions combine in"
                f" {combinations} ways"
            )
        return self


def _all_say(texts: list[str]) -> bool:
    return all(text.strip() for text in texts)


class ValidationPrompts(Settings):
    """The file, whole."""

    schema_version: Literal[1]
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**53)]], Field(min_length=1)]
    """Each prompt is sampled once with each seed."""
    scenarios: dict[str, ScenarioPrompts]
    neutral: list[Annotated[str, Field(pattern=r"\S")]] = []
    """Prompts of no scenario: with others' first ones, what shows whether an adapter forgets."""
    sweep: list[Annotated[float, Field(gt=0, le=4)]] = []
    """Strengths at which a sweep judges an adapter, beside the preset's."""
    gate: GateSettings


def read_validation_prompts(path: Path) -> ValidationPrompts:
    """Read the file. Raises ConfigError, MissingInputError."""
    return read_settings(path, ValidationPrompts)
