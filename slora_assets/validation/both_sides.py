"""A base and an adapter on it, both asked the same: their clips, and their loss on footage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.embeddings import cache_text
from slora_assets.caches.reading import CacheReader
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.documents import AsServed, Clip
from slora_assets.processes.device import chosen_device, compute_repeatably
from slora_assets.provenance.records import software_versions
from slora_assets.validation.clip_cache import ClipCache, Key, MeasuredClip
from slora_assets.validation.metrics.held_out_loss import HeldOutClip, held_out_loss
from slora_assets.validation.sampling import Asked, Drawing

_NAME = "validated"


class BothSides:
    """Loaded once, whatever is asked of them. `check` is called at each step, and may raise to end
    it. Made and used in one process."""

    def __init__(
        self,
        workspace: Workspace,
        settings: TrainingSettings,
        adapter: Path,
        check: Callable[[], None],
    ) -> None:
        """`adapter` is its file, which is read when its side is first asked for; `settings` are
        those that it was trained with. Raises MissingInputError, IntegrityError."""
        self._workspace, self._settings, self._adapter = workspace, settings, adapter
        self._check = check
        self.device = chosen_device()
        compute_repeatably()
        self.base: VideoBase = open_base(settings.base_model, workspace.models)
        self._reader = CacheReader(workspace, self.base.identity(), self.base.geometry)
        self._cache = ClipCache(workspace.measured_clips, self.base.geometry.fps)
        self._loaded = False

    def embed(self, prompts: Sequence[str]) -> None:
        """Make sure that prompts which no stage before this one reads have embeddings."""
        cache_text(prompts, self.base, self._workspace.text_embeddings, self.device)

    def base_clips(self, asked: Sequence[Asked], serving: AsServed) -> list[MeasuredClip]:
        """The base's clips, measured; drawn in one call where they aren't cached."""

        def draw() -> list[NDArray[np.uint8]]:
            transformer = self._pipeline.transformer
            if not self._loaded:
                return self._drawn(asked, serving)
            transformer.disable_adapters()
            try:
                return self._drawn(asked, serving)
            finally:
                transformer.enable_adapters()

        return self._cache.together(self._keys(asked, serving), draw)

    def adapter_clips(self, asked: Sequence[Asked], serving: AsServed) -> list[NDArray[np.uint8]]:
        """The adapter's clips, [T, H, W, 3] each, drawn in one call."""
        self._load_adapter(serving.scale)
        return self._drawn(asked, serving)

    def held_out_losses(self, clips: Sequence[Clip], scale: float) -> tuple[float, float]:
        """Mean loss on clips that were not trained on, of the base and of the adapter."""
        quantiles = self._settings.validation.quantiles
        read = [
            HeldOutClip(clip.id, self._reader.moments(clip), self._embedding(clip.prompts[0]))
            for clip in clips
        ]
        self._load_adapter(scale)
        transformer = self._pipeline.transformer
        adapter = held_out_loss(self.base, transformer, read, quantiles).mean
        transformer.disable_adapters()
        try:
            return held_out_loss(self.base, transformer, read, quantiles).mean, adapter
        finally:
            transformer.enable_adapters()

    @cached_property
    def _pipeline(self) -> Pipeline:
        dtype = self._settings.sampling_dtype(self.device)
        return self.base.pipeline(self.device, dtype, text=False)

    def _load_adapter(self, scale: float) -> None:
        if not self._loaded:
            self.base.load_adapter(self._pipeline, self._adapter, _NAME, scale)
            self._loaded = True
        self._pipeline.set_adapters([_NAME], [scale])

    def _drawn(self, asked: Sequence[Asked], serving: AsServed) -> list[NDArray[np.uint8]]:
        drawing = Drawing(self.base, self._embedding, serving.steps, serving.guidance_scale)
        return drawing.clips(self._pipeline, asked, lambda _done, _total: self._check())

    def _embedding(self, prompt: str) -> NDArray[np.float16]:
        return self._reader.embedding(prompt)

    def _keys(self, asked: Sequence[Asked], serving: AsServed) -> list[Key]:
        """What each of the base's clips depends on, which the others of its call are part of."""
        together: Key = {
            "base": self.base.identity().model_dump(mode="json"),
            "geometry": self.base.geometry.model_dump(mode="json"),
            "sampling": serving.model_dump(mode="json", exclude={"scale"}),
            "device": self.device,
            "dtype": self._settings.sampling_dtype(self.device),
            "software": software_versions(),
            "asked": [[one.prompt.text, one.seed] for one in asked],
        }
        return [together | {"drawn": number} for number in range(len(asked))]
