"""How a diffusers video model is run: repeatably, and clips drawn each from its own seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import StepCallback
from slora_assets.config.errors import IntegrityError
from slora_assets.documents import Geometry

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Sampling:
    """How clips are drawn."""

    geometry: Geometry
    text_length: int
    """Tokens a prompt is padded to."""
    steps: int
    guidance_scale: float
    dtype: str
    """Half precision the base was trained in."""
    on_step: StepCallback | None = None
    more: Mapping[str, object] = field(default_factory=dict)
    """Arguments of this pipeline's call that others don't have."""

    def clips(
        self, pipeline: Pipeline, text: Mapping[str, object], seeds: Sequence[int]
    ) -> list[NDArray[np.uint8]]:
        """A clip [F, H, W, 3] for each seed, all in one call of the pipeline.

        `text` holds the pipeline's own arguments for prompts. Raises IntegrityError if a value is
        not finite.
        """
        import torch

        def callback(
            _pipe: object, step: int, _time: object, tensors: dict[str, torch.Tensor]
        ) -> dict[str, torch.Tensor]:
            if self.on_step is not None:
                self.on_step(step + 1, self.steps)
            return tensors

        with torch.no_grad():
            frames = pipeline(
                **text,
                **self.more,
                height=self.geometry.height,
                width=self.geometry.width,
                num_frames=self.geometry.frames,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance_scale,
                generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
                max_sequence_length=self.text_length,
                callback_on_step_end=callback,
                output_type="np",
            ).frames
        if not np.isfinite(frames).all():
            raise IntegrityError(
                "the generated clip holds NaN or infinity",
                remedy=f"check the precision: this base wants {self.dtype}, the CPU float32",
            )
        return list(np.rint(frames * 255).astype(np.uint8))


def embedded(
    pipeline: Pipeline, embeddings: Sequence[NDArray[np.float16]], empty: NDArray[np.float16]
) -> dict[str, torch.Tensor]:
    """Cached embeddings [T, D] as the pipeline's arguments, `empty` as every negative prompt."""
    import torch

    def tensor(arrays: Sequence[NDArray[np.float16]]) -> torch.Tensor:
        stacked = torch.from_numpy(np.stack(arrays))
        return stacked.to(pipeline.device, pipeline.transformer.dtype)

    return {
        "prompt_embeds": tensor(embeddings),
        "negative_prompt_embeds": tensor([empty] * len(embeddings)),
    }
