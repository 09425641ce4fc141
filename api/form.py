"""What a clip is asked for with: what may be sent, and what the presets have against it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.json_schema import SkipJsonSchema

from api.body_limit import Fields
from api.errors import InvalidForm
from api.kept_presets import ServedPresets
from api.problems import complaints_in
from slora_assets.config.text import tidy, unwelcome

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def _printable(text: str) -> str:
    """The prompt as captions are written in what adapters learn from: `tidy`."""
    if not (said := tidy(text)):
        raise ValueError("missing or blank")
    if "\ufffd" in text:
        raise ValueError("holds bytes that are no UTF-8")
    if unwelcome(text):
        raise ValueError("holds characters that can't be printed")
    return said


def _number(text: object) -> float:
    """NaN for what is neither a number nor one in plain decimal notation; -0 becomes 0."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text) + 0.0
    if not isinstance(text, str):
        return math.nan
    return float(text) + 0.0 if len(text) <= 32 and _NUMBER.fullmatch(text) else math.nan


def _whole_number(value: object) -> object:
    """-1 for a text that is no whole number in plain digits, and for what is none to anybody but
    Python."""
    if isinstance(value, bool):
        return -1
    if isinstance(value, float) and value.is_integer():  # JSON knows one kind of number
        return int(value)
    if not isinstance(value, str):
        return value
    return int(value) if len(value) <= 16 and value.isascii() and value.isdecimal() else -1


class GenerateForm(BaseModel):
    """What one clip is made from."""

    # SkipJsonSchema: None is a field left out, which no form can send as a value; JSON can.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt: Annotated[str, Field(min_length=1), AfterValidator(_printable)]
    """What the clip shows; the presets limit its length."""
    scenario: str
    """One of GET /scenarios."""
    lora_scale: (
        Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_number)]
        | SkipJsonSchema[None]
    ) = None
    """Within the preset's scale_min..scale_max, in plain decimal notation; its scale by default. 0
    is the base alone, always: no adapter need be promoted for it."""
    seed: (
        Annotated[int, Field(ge=0, lt=2**53), BeforeValidator(_whole_number)] | SkipJsonSchema[None]
    ) = None
    """Of the noise; the presets' by default. Equal requests give equal clips."""
    negative_prompt: (
        Annotated[str, Field(max_length=10_000), AfterValidator(_printable)] | SkipJsonSchema[None]
    ) = None
    """What the clip should not show."""
    num_frames: (
        Annotated[int, Field(ge=1, lt=2**31), BeforeValidator(_whole_number)] | SkipJsonSchema[None]
    ) = None
    """As many as the base makes, and no others."""
    num_inference_steps: (
        Annotated[int, Field(ge=1, lt=2**31), BeforeValidator(_whole_number)] | SkipJsonSchema[None]
    ) = None
    """Denoising steps, up to the presets' limit; the speed preset's otherwise."""
    guidance_scale: (
        Annotated[float, Field(allow_inf_nan=False, ge=0, le=50), BeforeValidator(_number)]
        | SkipJsonSchema[None]
    ) = None
    """Strength of classifier-free guidance; the speed preset's otherwise."""
    preset: Annotated[str, Field(min_length=1)] | SkipJsonSchema[None] = None
    """A speed preset by name: steps and guidance where the request doesn't say them itself."""
    lora_path: Annotated[str, Field(min_length=1)] | SkipJsonSchema[None] = None
    """The scenario's adapter as GET /scenarios names it, and no other."""


def form_of(sent: Fields, presets: ServedPresets, *, model_names_scenario: bool) -> GenerateForm:
    """What is asked for. Raises InvalidForm, which tells of all faults at once."""
    pairs = sent.pairs
    if model_names_scenario and "scenario" not in dict(pairs):
        pairs = tuple(("scenario" if name == "model" else name, value) for name, value in pairs)
    fields, wrong = dict(pairs), {}
    said = {name: value for name, value in fields.items() if not (sent.of_form and value == "")}
    try:
        form = GenerateForm.model_validate(said)
    except ValidationError as error:
        wrong = complaints_in(error)
    if model_names_scenario and "model" in wrong:
        wrong["model"] = "names the scenario, which `scenario` does already; leave one of them out"
    wrong |= complaints(fields, presets)
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1 and name in GenerateForm.model_fields:
            wrong[name] = "given more than once"
    if wrong:
        raise InvalidForm(wrong)
    return form


def complaints(fields: Mapping[str, object], presets: ServedPresets) -> dict[str, str]:
    """Field -> what the presets have against its value."""
    wrong: dict[str, str] = {}
    most = presets.limits.max_prompt_characters
    for name in ("prompt", "negative_prompt"):
        length = len(str(fields.get(name, "")).strip())
        if length > most:
            wrong[name] = f"{length} characters; at most {most} are allowed"
    steps = _whole_number(fields.get("num_inference_steps", 1))
    if isinstance(steps, int) and not 1 <= steps <= presets.limits.max_steps:
        wrong["num_inference_steps"] = f"not a whole number from 1 to {presets.limits.max_steps}"
    scenario, scale = fields.get("scenario", ""), fields.get("lora_scale")
    preset = presets.presets.get(scenario) if isinstance(scenario, str) else None
    if isinstance(scenario, str) and scenario in presets.faults:
        pass  # of a preset that can't be read nothing is known to hold a value against
    elif preset is None:
        found = "unknown scenario" if scenario else "missing or blank"
        wrong["scenario"] = f"{found}; the scenarios are {', '.join(presets.scenarios)}"
    elif (
        scale is not None
        and _number(scale) != 0
        and not preset.scale_min <= _number(scale) <= preset.scale_max
    ):
        wrong["lora_scale"] = (
            f"not a number from {preset.scale_min:g} to {preset.scale_max:g} "
            "in plain decimal notation"
        )
    speed = fields.get("preset")
    if isinstance(speed, str) and speed not in presets.speed:
        wrong["preset"] = f"unknown; the speed presets are {', '.join(sorted(presets.speed))}"
    if fields.get("lora_path") == "":
        wrong["lora_path"] = "blank; leave the field out for the scenario's own adapter"
    return wrong
