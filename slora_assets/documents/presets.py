"""`configs/model/optimized_inference.yaml`: what may be served, and how."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from slora_assets.config.data import ScenarioName
from slora_assets.config.licences import Use
from slora_assets.config.yaml_reader import Settings
from slora_assets.documents.adapter import ADAPTER_FILE

PromotableAnswer = Literal["pass", "inconclusive"]
"""`inconclusive` only by an explicit, recorded override; `fail` never."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

DEFAULT_SPEED: Final = "default"


class Limits(Settings):
    """What a request may cost."""

    max_prompt_characters: Annotated[int, Field(ge=1, le=10_000)]
    """Longest prompt."""
    max_steps: Annotated[int, Field(ge=1, le=1000)]
    """Most denoising steps of a speed preset."""
    max_queue: Annotated[int, Field(ge=0, le=1000)]
    """Requests waiting behind the one that generates."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=10_000_000)]
    """Largest body of a request; more is refused while it arrives."""
    max_cost: Annotated[float, Field(gt=0)] = 4000
    """Most that a clip may cost, in millions of pixels times steps: frames x height x width x
    steps / 1,000,000. CogVideoX-2b's own 49 frames of 720x480 in 50 steps are 847."""
    max_seconds: Annotated[int, Field(ge=1)] = 3600
    """Longest time that a clip may be made; checked after each denoising step."""
    kept_adapters: Annotated[int, Field(ge=1, le=64)] = 4
    """Adapters that stay loaded; going over to one of them takes no time."""
    keep_days: Annotated[float, Field(gt=0)] | None = None
    """Age at which clips are erased; null: they are kept."""
    keep_clips: Annotated[int, Field(ge=1)] | None = None
    """Number of clips beyond which the oldest are erased; null: they are kept."""
    keep_megabytes: Annotated[float, Field(gt=0)] | None = None
    """Room that clips may take, beyond which the oldest are erased; null: they are kept."""


class SpeedPreset(Settings):
    """How a base is sampled; nothing means the base's own default."""

    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Denoising steps."""
    guidance_scale: Annotated[float, Field(ge=0, le=50)] | None = None
    """Strength of classifier-free guidance."""


class ScenarioPreset(Settings):
    """A scenario's adapter, and the strengths it may be asked for."""

    adapter: str | None
    """The adapter file, relative to the workspace; always `registered_path(sha256)`."""
    sha256: Sha256 | None
    """Of the adapter file; null: nothing is promoted."""
    scale: float
    """Strength of the adapter where a request names none."""
    scale_min: float
    """Least strength that a request may ask for."""
    scale_max: float
    """Most strength that a request may ask for."""
    verdict: PromotableAnswer | None
    """The gate's answer that the adapter was promoted with."""
    use: Use | None = None
    """What it was promoted for: as much as the licences of its footage and its base allow, or
    less. Presets of older promotions don't say."""

    @model_validator(mode="after")
    def _consistent(self) -> ScenarioPreset:
        given = [value is not None for value in (self.adapter, self.sha256, self.verdict)]
        if any(given) and not all(given):
            raise ValueError("adapter, sha256 and verdict are either all set or all null")
        if self.sha256 is not None and self.adapter != registered_path(self.sha256):
            raise ValueError(f"adapter must be {registered_path(self.sha256)}")
        if not self.scale_min <= self.scale <= self.scale_max:
            raise ValueError("scale must lie in scale_min..scale_max")
        return self


class Presets(Settings):
    """The file, whole."""

    schema_version: Literal[1]
    base_model: str
    """The base that the service loads: as `base_model` of a recipe."""
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Of the noise of every clip: equal requests give equal clips."""
    limits: Limits
    speed: dict[str, SpeedPreset]
    """By name; `default` must be among them."""
    presets: dict[ScenarioName, ScenarioPreset]
    """By scenario."""

    @model_validator(mode="after")
    def _affordable(self) -> Presets:
        if DEFAULT_SPEED not in self.speed:
            raise ValueError(f"speed must hold a preset named '{DEFAULT_SPEED}'")
        for name, speed in self.speed.items():
            if (speed.steps or 0) > self.limits.max_steps:
                raise ValueError(f"speed.{name}.steps is beyond limits.max_steps")
        return self


def registered_path(sha256: str) -> str:
    """Where a registered adapter's file lies, relative to the workspace."""
    return f"checkpoints/registry/{sha256}/{ADAPTER_FILE}"
