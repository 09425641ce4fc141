"""How a run's adapter would be served: the strength and the sampling that its verdict is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import (
    DEFAULT_SPEED,
    AsServed,
    Document,
    Presets,
    SpeedPreset,
)

AS_TRAINED: Final = 1.0
"""Strength at which an adapter is judged that no preset serves: the one it was trained at."""


class Serving(Document):
    """Strength and speed as the presets' file says them; null is the base's own default."""

    scale: float
    speed: str = DEFAULT_SPEED
    steps: int | None = None
    guidance_scale: float | None = None
    promoted: str | None = None
    """Hash of the adapter that a person let through at this strength."""

    def sampling(self) -> dict[str, Any]:
        """What clips depend on, the strength aside."""
        return self.model_dump(mode="json", exclude={"scale", "promoted"})

    def covers(self, adapter: str, scale: float) -> bool:
        """Whether an answer about an adapter at a strength is one about what is served: at this
        strength, or about the very adapter that was let through with it."""
        return scale == self.scale or adapter == self.promoted

    def on(self, base: VideoBase) -> AsServed:
        """The same with the base's own defaults filled in."""
        steps, guidance = self.steps, self.guidance_scale
        return AsServed(
            scale=self.scale,
            steps=base.inference.steps if steps is None else steps,
            guidance_scale=base.inference.guidance_scale if guidance is None else guidance,
        )


def serving_of(workspace: Workspace, scenarios: Sequence[str]) -> Serving:
    """How the adapter of a run of these scenarios is served where a request names neither strength
    nor speed. Raises ConfigError, MissingInputError."""
    presets = read_settings(workspace.presets, Presets)
    preset = presets.presets.get(scenarios[0]) if len(scenarios) == 1 else None
    found = at_speed(DEFAULT_SPEED, presets.speed[DEFAULT_SPEED], preset.scale if preset else None)
    return found.model_copy(update={"promoted": preset.sha256}) if preset else found


def at_speed(name: str, speed: SpeedPreset, scale: float | None) -> Serving:
    """A speed preset at a strength."""
    return Serving(
        scale=AS_TRAINED if scale is None else scale,
        speed=name,
        steps=speed.steps,
        guidance_scale=speed.guidance_scale,
    )
