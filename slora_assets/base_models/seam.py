"""What slora asks of a text-to-video base. Nothing above this room names a model.

Arrays cross as numpy (caches, frames), tensors only between the loop and the base it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from slora_assets.base_models.parts import Denoiser, Pipeline, Predictor, TextEncoder, Vae
from slora_assets.config.training import LoraSettings
from slora_assets.documents import BaseIdentity, Geometry, InferenceDefaults

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

ADAPTER_NAME = "slora"
"""What an adapter is called inside a denoiser while it is trained."""


@dataclass(frozen=True)
class LoraShape:
    """Rank, alpha and target layers of an adapter."""

    rank: int
    alpha: float
    targets: tuple[str, ...]

    @classmethod
    def of(cls, lora: LoraSettings) -> LoraShape:
        """The shape that a recipe asks for."""
        return cls(lora.rank, lora.alpha, tuple(lora.targets))


@dataclass(frozen=True)
class TrainingBatch:
    """One step's samples, fp32.

    moments [B, 2C, F, H, W]; embeddings [B, L, D]; noise and posterior_noise [B, C, F, H, W];
    positions [B] in [0, 1): quantile of the base's own distribution of timesteps at which each
    sample is trained, 0 the least noise.
    """

    moments: torch.Tensor
    embeddings: torch.Tensor
    noise: torch.Tensor
    posterior_noise: torch.Tensor
    positions: torch.Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """The batch on `device`; from pinned memory the copy runs beside the computation."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> TrainingBatch:
        """The batch in memory that an accelerator can copy from by itself."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> TrainingBatch:
        return TrainingBatch(
            **{field.name: change(getattr(self, field.name)) for field in fields(self)}
        )


StepCallback = Callable[[int, int], None]
"""Called with (steps done, steps in all); may raise to stop a generation."""


class VideoBase(Protocol):
    """A text-to-video base and everything that is particular to it."""

    geometry: Geometry
    inference: InferenceDefaults
    lora_targets: tuple[str, ...]
    """Names of the layers that an adapter changes unless a recipe says otherwise."""
    vae_keeps_state: bool
    """Whether two passes of one VAE at the same time would mix their clips."""

    def identity(self) -> BaseIdentity:
        """Name, revision and hashes. Raises IntegrityError when weights aren't as recorded."""

    def weight_count(self) -> int:
        """How many numbers its weights are, by the headers of their files."""

    def load_text_encoder(self, device: str) -> TextEncoder:
        """Tokenizer and text encoder, as `encode_text` takes them."""

    def encode_text(self, encoder: TextEncoder, prompts: Sequence[str]) -> NDArray[np.float16]:
        """Embeddings [B, L, D] of prompts. Where the denoiser takes a mask, padding rows are zero
        and the mask is read off them: a cached embedding needs nothing beside it."""

    def text_shape(self) -> tuple[int, int]:
        """[L, D] of one embedding."""

    def tokens_of(self, pipeline: Pipeline, text: str) -> int:
        """How many tokens a text has for a pipeline's text encoder, which reads `text_shape()[0]`
        of them."""

    def load_vae(self, device: str) -> Vae:
        """The VAE alone."""

    def encode_video(self, vae: Vae, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Posterior moments [2C, F', H', W'] of [F, H, W, 3]: mean and log-variance as the VAE
        gives them, with as many latent frames as the denoiser reads."""

    def through_vae(self, vae: Vae, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """[F, H, W, 3] encoded and decoded again: the best that the base could draw of it."""

    def latent_shape(self) -> tuple[int, int, int, int]:
        """[C, F', H', W'] of a clip of the base's geometry."""

    def load_transformer(self, device: str, dtype: str) -> Denoiser:
        """The denoiser alone, frozen; `dtype` is `float32`, `float16` or `bfloat16`."""

    def add_adapter(self, transformer: Denoiser, shape: LoraShape, seed: int) -> None:
        """Add a fresh fp32 LoRA adapter to `transformer`, initialised from `seed`."""

    def training_loss(self, transformer: Predictor, batch: TrainingBatch) -> torch.Tensor:
        """Denoising loss per sample, [B], fp32. Bringing VAE samples to the scale that the denoiser
        reads is part of it."""

    def save_adapter(
        self, transformer: Denoiser, shape: LoraShape, metadata: dict[str, str], path: Path
    ) -> None:
        """Write the adapter as diffusers reads it, with `metadata` in the header; same adapter,
        same bytes."""

    def pipeline(
        self, device: str, dtype: str, transformer: Denoiser | None = None, text: bool = True
    ) -> Pipeline:
        """A sampling pipeline, around `transformer` if one is given; without the text encoder
        unless `text`."""

    def load_adapter(self, pipeline: Pipeline, path: Path, name: str, scale: float = 1.0) -> None:
        """Load an adapter file into a pipeline and make it the only active one."""

    def generate(
        self,
        pipeline: Pipeline,
        *,
        prompt: str,
        seed: int,
        steps: int,
        guidance_scale: float,
        on_step: StepCallback | None = None,
        negative_prompt: str | None = None,
    ) -> NDArray[np.uint8]:
        """One clip [F, H, W, 3] from a prompt; needs the pipeline's text encoder."""

    def generate_many(
        self,
        pipeline: Pipeline,
        *,
        embeddings: Sequence[NDArray[np.float16]],
        empty_embedding: NDArray[np.float16],
        seeds: Sequence[int],
        steps: int,
        guidance_scale: float,
        on_step: StepCallback | None = None,
    ) -> list[NDArray[np.uint8]]:
        """A clip [F, H, W, 3] for each pair of cached embedding [L, D] and seed.

        How many are sampled in one call is the base's choice, by their size alone, so that the
        same list gives the same clips everywhere.
        """
