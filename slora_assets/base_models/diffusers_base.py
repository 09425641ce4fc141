"""What every base in diffusers' layout has in common; a family adds its loss and its geometry.

Takes a folder as `save_pretrained` of a diffusers pipeline leaves it. See `VideoBase` for what each
method promises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models import lora as adapters
from slora_assets.base_models import video_vae
from slora_assets.base_models.half_storage import compute_in_float32, stored_dtype
from slora_assets.base_models.parts import (
    Compression,
    Denoiser,
    LoadedPipeline,
    Pipeline,
    Predictor,
    TextEncoder,
    Vae,
)
from slora_assets.base_models.sampling import Sampling, embedded
from slora_assets.base_models.seam import LoraShape, StepCallback, TrainingBatch
from slora_assets.base_models.weights import read_mapping, weight_count
from slora_assets.config.errors import ConfigError
from slora_assets.documents import BaseIdentity, Geometry, InferenceDefaults

if TYPE_CHECKING:
    import torch


class DiffusersBase(ABC):
    """A pipeline's folder, its parts loaded one by one through diffusers' public classes."""

    pipeline_class: ClassVar[str]
    transformer_class: ClassVar[str]
    vae_class: ClassVar[str]
    vae_dtype: ClassVar[str | None] = None
    """The VAE's type on an accelerator, where it isn't the base's."""
    vae_keeps_state: bool = False
    lora_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")

    def __init__(
        self, folder: Path, identity: BaseIdentity, geometry: Geometry, inference: InferenceDefaults
    ) -> None:
        self.folder = folder
        self.geometry = geometry
        self.inference = inference
        self._identity = identity
        self._config = cache(self._read_config)
        self._weight_count = cache(partial(weight_count, folder))
        self._check_trainable()
        self._check_geometry()

    def __reduce__(self) -> tuple[Any, ...]:  # a cluster's nodes open the same folder
        return type(self), (self.folder, self._identity, self.geometry, self.inference)

    @classmethod
    @abstractmethod
    def defaults(cls, folder: Path) -> tuple[Geometry, InferenceDefaults]:
        """What the publisher samples with, for a folder that doesn't say so itself."""

    @property
    @abstractmethod
    def compression(self) -> Compression:
        """Of the VAE and the denoiser's patches."""

    @abstractmethod
    def text_shape(self) -> tuple[int, int]: ...

    @abstractmethod
    def training_loss(self, transformer: Predictor, batch: TrainingBatch) -> torch.Tensor: ...

    @abstractmethod
    def _check_trainable(self) -> None:
        """Raise ConfigError for a variant of the pipeline that the loss isn't written for."""

    def _read_config(self, part: str) -> dict[str, Any]:
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        return read_mapping(self.folder / part / name)

    def _read_index(self) -> dict[str, Any]:
        """`model_index.json`: the pipeline's own configuration."""
        return read_mapping(self.folder / "model_index.json")

    def _refuse_unless(self, part: str, key: str, expected: object, remedy: str) -> None:
        found = self._config(part).get(key, expected)
        if found != expected:
            raise ConfigError(
                "slora doesn't train this variant of the pipeline",
                file=self.folder / part,
                key=key,
                found=found,
                expected=repr(expected),
                remedy=remedy,
            )

    def _check_geometry(self) -> None:
        g, c = self.geometry, self.compression
        step = c.spatial * c.patch
        if (g.frames - 1) % c.temporal or g.height % step or g.width % step:
            raise ConfigError(
                "the base can't make clips of this geometry",
                file=self.folder,
                key="geometry",
                found=f"{g.frames} frames of {g.width}x{g.height}",
                expected=f"a multiple of {c.temporal} frames and one more, sides in multiples of"
                f" {step}",
            )

    def identity(self) -> BaseIdentity:
        return self._identity

    def weight_count(self) -> int:
        return self._weight_count()

    def latent_shape(self) -> tuple[int, int, int, int]:
        g, c = self.geometry, self.compression
        frames = (g.frames - 1) // c.temporal + 1
        # An incomplete temporal patch is filled up.
        frames += -frames % c.temporal_patch
        channels = int(self._config("transformer")["in_channels"])
        return channels, frames, g.height // c.spatial, g.width // c.spatial

    def load_text_encoder(self, device: str) -> TextEncoder:
        stored = stored_dtype(self.folder / "text_encoder")
        on_cpu = device == "cpu"
        dtype = stored if on_cpu else self._encoder_dtype(device)
        encoder = self._load_pipeline(device, dtype, vae=None, transformer=None)
        encoder.text_encoder.eval().requires_grad_(False)
        if on_cpu and stored != "float32":
            compute_in_float32(encoder.text_encoder, stored)
        return encoder

    def encode_text(self, encoder: TextEncoder, prompts: Sequence[str]) -> NDArray[np.float16]:
        import torch

        with torch.no_grad():
            embedding = self._embed(encoder, list(prompts))
        array: NDArray[np.float16] = embedding.to("cpu", torch.float16).numpy()
        return array

    def _embed(self, encoder: TextEncoder, prompts: list[str]) -> torch.Tensor:
        """Embeddings [B, L, D], by the pipeline's own way from prompts to them."""
        return encoder.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=self.text_shape()[0]
        )[0]

    def tokens_of(self, pipeline: Pipeline, text: str) -> int:
        return len(pipeline.tokenizer(text, verbose=False)["input_ids"])

    def load_vae(self, device: str) -> Vae:
        dtype = self._encoder_dtype(device, self.vae_dtype)
        return video_vae.loaded(self.folder / "vae", self.vae_class, dtype, device)

    def encode_video(self, vae: Vae, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        return video_vae.moments_of(vae, frames, self.compression.temporal_patch)

    def through_vae(self, vae: Vae, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return video_vae.given_back(vae, frames, self._decode_arguments(vae))

    def _decode_arguments(self, vae: Vae) -> Mapping[str, object]:
        """What the VAE's decoder asks for beside the latent."""
        return {}

    def _encoder_dtype(self, device: str, own: str | None = None) -> str:
        """Encoders run in half precision on an accelerator and in fp32 on the CPU."""
        return "float32" if device == "cpu" else own or self.inference.dtype

    # denoiser and adapters

    def load_transformer(self, device: str, dtype: str) -> Denoiser:
        import diffusers
        import torch

        transformer = getattr(diffusers, self.transformer_class).from_pretrained(
            self.folder / "transformer", dtype=getattr(torch, dtype), use_safetensors=True
        )
        frozen: Denoiser = transformer.to(device).requires_grad_(False)
        return frozen

    def add_adapter(self, transformer: Denoiser, shape: LoraShape, seed: int) -> None:
        adapters.add_adapter(transformer, shape, seed, self.lora_targets)

    def save_adapter(
        self, transformer: Denoiser, shape: LoraShape, metadata: dict[str, str], path: Path
    ) -> None:
        adapters.save_adapter(transformer, shape, metadata, path)

    def load_adapter(self, pipeline: Pipeline, path: Path, name: str, scale: float = 1.0) -> None:
        adapters.load_adapter(pipeline, path, name, scale)

    # sampling

    def pipeline(
        self, device: str, dtype: str, transformer: Denoiser | None = None, text: bool = True
    ) -> Pipeline:
        given: dict[str, object] = {} if transformer is None else {"transformer": transformer}
        if not text:
            given |= {"text_encoder": None, "tokenizer": None}
        return self._load_pipeline(device, dtype, **given)

    def _load_pipeline(self, device: str, dtype: str, **given: object) -> LoadedPipeline:
        import diffusers
        import torch
        from diffusers.utils.logging import disable_progress_bar

        disable_progress_bar()
        default: torch.dtype = getattr(torch, dtype)
        dtypes: torch.dtype | dict[str, torch.dtype] = default
        if self.vae_dtype is not None:
            dtypes = {"default": default, "vae": getattr(torch, self.vae_dtype)}
        pipeline = getattr(diffusers, self.pipeline_class).from_pretrained(
            self.folder, dtype=dtypes, use_safetensors=True, **given
        )
        pipeline.set_progress_bar_config(disable=True)
        if pipeline.vae is not None:
            from slora_assets.base_models.convolutions import prefer_onednn

            prefer_onednn(pipeline.vae)
            # Clips of one call are decoded one after the other: it takes less memory, on a CPU
            # less time, and a clip is the same drawn alone or with others.
            pipeline.vae.enable_slicing()
        placed: LoadedPipeline = pipeline.to(device)
        return placed

    def _call_arguments(self) -> Mapping[str, object]:
        """What the pipeline's call wants beyond what all pipelines want."""
        return {}

    def _embedded(
        self,
        pipeline: Pipeline,
        embeddings: Sequence[NDArray[np.float16]],
        empty: NDArray[np.float16],
    ) -> dict[str, torch.Tensor]:
        """The pipeline's arguments for cached prompts."""
        return embedded(pipeline, embeddings, empty)

    def _sampling(self, steps: int, guidance: float, on_step: StepCallback | None) -> Sampling:
        return Sampling(
            self.geometry,
            self.text_shape()[0],
            steps,
            guidance,
            self.inference.dtype,
            on_step,
            self._call_arguments(),
        )

    @property
    def clips_per_call(self) -> int:
        """Small clips are sampled together; from about 100 MB of frames on one at a time."""
        g = self.geometry
        return max(1, min(16, 500_000 // (g.frames * g.height * g.width)))

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
        how = self._sampling(steps, guidance_scale, on_step)
        text = {"prompt": prompt, "negative_prompt": negative_prompt}
        return how.clips(pipeline, text, [seed])[0]

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
        how = self._sampling(steps, guidance_scale, on_step)
        clips: list[NDArray[np.uint8]] = []
        for start in range(0, len(seeds), self.clips_per_call):
            part = slice(start, start + self.clips_per_call)
            text = self._embedded(pipeline, embeddings[part], empty_embedding)
            clips += how.clips(pipeline, text, seeds[part])
        return clips
