"""The loaded base and the adapters on it: loads on first use, switches adapters, makes frames.

Used from one thread. After any failure the pipeline is dropped, so that the next clip comes from a
clean one.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.generator.memory import Peak
from api.generator.slots import Adapter, AdapterSlots
from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import StepCallback, VideoBase
from slora_assets.config.errors import ConfigError
from slora_assets.documents import SpeedPreset


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the pixels of a clip, the base aside."""

    adapter: Adapter | None
    """None: the base alone."""
    prompt: str
    seed: int
    speed: SpeedPreset
    max_steps: int
    negative_prompt: str | None = None
    kept_adapters: int = 1
    """How many adapters stay loaded; decides no pixel."""


@dataclass(frozen=True)
class GeneratedClip:
    """Frames [T, H, W, 3] and how they were made."""

    frames: NDArray[np.uint8]
    fps: float
    steps: int
    guidance_scale: float
    durations_s: Mapping[str, float] = field(default_factory=dict)
    """By stage: `load` (weights and adapter), `denoise` (the text included), `decode`."""
    peak_mib: float | None = None
    """The most memory used meanwhile."""
    warnings: tuple[str, ...] = ()


class Engine:
    """One base with the adapters on it. `device` None takes an accelerator where there is one."""

    def __init__(
        self, models: Path, device: str | None, opener: Callable[[str, Path], VideoBase] = open_base
    ) -> None:
        self._models = models
        self._device = device
        self._opener = opener
        self._opening = threading.Lock()
        self._opened: tuple[str, VideoBase] | None = None
        self._pipeline: Pipeline | None = None
        self._slots: AdapterSlots | None = None
        self._pipeline_of: VideoBase | None = None
        self._libraries_loaded = False
        self.switches = 0
        """How often an adapter was loaded."""
        self.used_at = time.monotonic()
        """When weights were last of use."""

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

    def device(self) -> str:
        """What computes."""
        from slora_assets.processes.device import chosen_device

        return chosen_device(self._device)

    def generate(
        self, base_name: str, recipe: Recipe, on_step: StepCallback | None = None
    ) -> GeneratedClip:
        """Make one clip. Raises GateError for an adapter that must not be served; whatever it
        raises, the next clip comes from a fresh pipeline."""
        base = self.base(base_name)
        steps, guidance = drawn_with(base, recipe.speed, recipe.max_steps)
        try:
            return self._generated(base, recipe, steps, guidance, on_step)
        except BaseException:
            self.drop()
            raise
        finally:
            self.used_at = time.monotonic()

    def load(self, base_name: str, recipe: Recipe) -> None:
        """Have in memory what the recipe's clip needs. Raises as `generate` does."""
        try:
            self._switch(self.base(base_name), recipe)
        except BaseException:
            self.drop()
            raise
        finally:
            self.used_at = time.monotonic()

    def drop(self) -> None:
        """Forget the pipeline and what it holds of the device's memory."""
        self._pipeline = self._pipeline_of = self._slots = None

    def _generated(
        self,
        base: VideoBase,
        recipe: Recipe,
        steps: int,
        guidance: float,
        on_step: StepCallback | None,
    ) -> GeneratedClip:
        began, peak = time.monotonic(), Peak(self.device())
        pipeline = self._switch(base, recipe)
        loaded = denoised = time.monotonic()

        def stepped(done: int, of: int) -> None:
            nonlocal denoised
            denoised = time.monotonic()
            if on_step is not None:
                on_step(done, of)

        frames = base.generate(
            pipeline,
            prompt=recipe.prompt,
            seed=recipe.seed,
            steps=steps,
            guidance_scale=guidance,
            on_step=stepped,
            negative_prompt=recipe.negative_prompt,
        )
        durations = {
            "load": loaded - began,
            "denoise": denoised - loaded,
            "decode": time.monotonic() - denoised,
        }
        told = _warnings(base, pipeline, recipe)
        fps = base.geometry.fps
        return GeneratedClip(frames, fps, steps, guidance, durations, peak.mebibytes(), told)

    def _switch(self, base: VideoBase, recipe: Recipe) -> Pipeline:
        """The pipeline, made to be `base` with the recipe's adapter at its scale and no more."""
        if self._pipeline is None or self._slots is None or self._pipeline_of is not base:
            self.drop()
            device = self.device()
            dtype = "float32" if device == "cpu" else base.inference.dtype
            self._pipeline = base.pipeline(device, dtype)
            self._slots = AdapterSlots(base, self._pipeline)
            self._pipeline_of = base
            if not self._libraries_loaded:
                # They came with the first pipeline, a million objects. Python looks through them
                # for garbage sooner or later, for a second in which nobody gets an answer: now,
                # while whoever asks waits anyway.
                gc.collect()
                self._libraries_loaded = True
        if recipe.adapter is None:
            self._slots.use_none()
        else:
            self.switches += self._slots.use(recipe.adapter, recipe.kept_adapters)
        return self._pipeline


def drawn_with(base: VideoBase, speed: SpeedPreset, max_steps: int) -> tuple[int, float]:
    """Steps and guidance of a speed preset, the base's own where it says nothing. Raises
    ConfigError."""
    steps = speed.steps or base.inference.steps
    if steps > max_steps:
        raise ConfigError(
            "the base's default steps are beyond the limit",
            key="limits.max_steps",
            found=max_steps,
            expected=f"at least {steps}",
            remedy="set speed.default.steps",
        )
    guidance = speed.guidance_scale
    return steps, base.inference.guidance_scale if guidance is None else guidance


def _warnings(base: VideoBase, pipeline: Pipeline, recipe: Recipe) -> tuple[str, ...]:
    """What of the texts the base didn't read."""
    most = base.text_shape()[0]
    told = []
    for name, text in (("prompt", recipe.prompt), ("negative prompt", recipe.negative_prompt)):
        tokens = base.tokens_of(pipeline, text) if text else 0
        if tokens > most:
            told.append(
                f"The {name} has {tokens} tokens, of which the base reads the first {most}: the"
                " rest has no effect on the clip."
            )
    return tuple(told)
