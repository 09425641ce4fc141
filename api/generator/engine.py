"""The loaded base and the adapter on it: loads on first use, switches adapters, makes frames.

Used from one thread. An adapter is loaded fresh from verified bytes at each switch; after any
failure the pipeline is dropped, so that the next clip comes from a clean one.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.generator.effect import check_effect, check_loaded
from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import StepCallback, VideoBase
from slora_assets.config.errors import ConfigError, GateError
from slora_assets.deployment.registry import verified_bytes
from slora_assets.documents import ADAPTER_FILE, AdapterRecord, SpeedPreset

_NAME = "served"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the pixels of a clip, the base aside."""

    folder: Path
    """Of the adapter."""
    record: AdapterRecord
    scale: float
    prompt: str
    seed: int
    speed: SpeedPreset
    max_steps: int
    negative_prompt: str | None = None


@dataclass(frozen=True)
class GeneratedClip:
    """Frames [T, H, W, 3] and how they were made."""

    frames: NDArray[np.uint8]
    fps: float
    steps: int
    guidance_scale: float


class Engine:
    """One base with at most one adapter. `device` None takes an accelerator where there is one."""

    def __init__(
        self, models: Path, device: str | None, opener: Callable[[str, Path], VideoBase] = open_base
    ) -> None:
        self._models = models
        self._device = device
        self._opener = opener
        self._opening = threading.Lock()
        self._opened: tuple[str, VideoBase] | None = None
        self._pipeline: Pipeline | None = None
        self._pipeline_of: VideoBase | None = None
        self._adapter: str | None = None
        self.switches = 0
        """How often an adapter was loaded."""

    @property
    def loaded(self) -> bool:
        """Are weights in memory?"""
        return self._pipeline is not None

    def base(self, name: str) -> VideoBase:
        """The base, its weights hashed but not loaded. May be called from any thread."""
        with self._opening:
            if self._opened is None or self._opened[0] != name:
                self._opened = (name, self._opener(name, self._models))
            return self._opened[1]

    def generate(
        self, base_name: str, recipe: Recipe, on_step: StepCallback | None = None
    ) -> GeneratedClip:
        """Make one clip. Raises GateError for an adapter that must not be served."""
        base = self.base(base_name)
        steps = recipe.speed.steps or base.inference.steps
        if steps > recipe.max_steps:
            raise ConfigError(
                "the base's default steps are beyond the limit",
                key="limits.max_steps",
                found=recipe.max_steps,
                expected=f"at least {steps}",
                remedy="set speed.default.steps",
            )
        guidance = recipe.speed.guidance_scale
        if guidance is None:
            guidance = base.inference.guidance_scale
        try:
            pipeline = self._switch(base, recipe)
            frames = base.generate(
                pipeline,
                prompt=recipe.prompt,
                seed=recipe.seed,
                steps=steps,
                guidance_scale=guidance,
                on_step=on_step,
                negative_prompt=recipe.negative_prompt,
            )
        except BaseException:
            self.drop()
            raise
        return GeneratedClip(frames, base.geometry.fps, steps, guidance)

    def load(self, base_name: str, recipe: Recipe) -> None:
        """Have in memory what the recipe's clip needs. Raises as `generate` does."""
        try:
            self._switch(self.base(base_name), recipe)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Forget the pipeline and what it holds of the device's memory."""
        self._pipeline = self._pipeline_of = self._adapter = None

    def _switch(self, base: VideoBase, recipe: Recipe) -> Pipeline:
        """The pipeline, made to be `base` with the recipe's adapter at its scale and no more."""
        record = recipe.record
        if record.base_parts != base.identity().parts:
            raise GateError(
                f"the adapter was trained on other weights ({record.base} {record.base_revision}) "
                "than the service's base",
                remedy="set base_model in optimized_inference.yaml, or train on this base",
            )
        if self._pipeline is None or self._pipeline_of is not base:
            self.drop()
            device, dtype = self._placement(base)
            self._pipeline = base.pipeline(device, dtype)
            self._pipeline_of = base
        if self._adapter != record.sha256:
            content = verified_bytes(recipe.folder / ADAPTER_FILE, record.sha256)
            tensors = check_effect(content)
            # Loading goes by path; a private copy of the verified bytes can't be swapped.
            with tempfile.TemporaryDirectory(prefix="slora-") as private:
                file = Path(private) / ADAPTER_FILE
                file.write_bytes(content)
                base.load_adapter(self._pipeline, file, _NAME, recipe.scale)
            check_loaded(self._pipeline.transformer, _NAME, tensors, record)
            self._adapter = record.sha256
            self.switches += 1
        # Every time: loading and switching reset it.
        self._pipeline.set_adapters([_NAME], [recipe.scale])
        return self._pipeline

    def _placement(self, base: VideoBase) -> tuple[str, str]:
        from slora_assets.processes.device import chosen_device

        device = chosen_device(self._device)
        return device, "float32" if device == "cpu" else base.inference.dtype
