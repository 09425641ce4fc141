"""CogVideoX: 2b and the miniature (sine positions), 5b (rotary), 1.5-5b (rotary, temporal patches).

The loss is plain mean squared error on v in fp32, which equals the field's weighted x0 loss
(huggingface/diffusers `examples/cogvideo`, where the weight is 1 / (1 - alpha_t)) without its
cancellation at small t. Which of the three a folder is, its denoiser's configuration says.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from slora_assets.base_models.diffusers_base import DiffusersBase
from slora_assets.base_models.loss_terms import dtype_of, mean_squared_error, posterior_sample
from slora_assets.base_models.parts import Compression, Predictor
from slora_assets.base_models.rotary import RotaryGrid, rotary_tables
from slora_assets.base_models.seam import TrainingBatch
from slora_assets.base_models.weights import read_mapping
from slora_assets.config.errors import ConfigError
from slora_assets.documents import Geometry, InferenceDefaults

if TYPE_CHECKING:
    import torch

_GEOMETRY = Geometry(frames=49, height=480, width=720, fps=8)
_GEOMETRY_1_5 = Geometry(frames=81, height=768, width=1360, fps=16)


class _Scheduler(Protocol):
    """The noise schedule of a checkpoint, as diffusers reads it."""

    @property
    def config(self) -> _SchedulerConfig: ...

    def add_noise(
        self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor: ...

    def get_velocity(
        self, sample: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor: ...


class _SchedulerConfig(Protocol):
    num_train_timesteps: int
    prediction_type: str


class CogVideoX(DiffusersBase):
    """Text-to-video CogVideoX of any size."""

    pipeline_class = "CogVideoXPipeline"
    transformer_class = "CogVideoXTransformer3DModel"
    vae_class = "AutoencoderKLCogVideoX"

    @classmethod
    def defaults(cls, folder: Path) -> tuple[Geometry, InferenceDefaults]:
        """Those of THUDM/CogVideo's README: 50 steps, guidance 6; 2b in fp16, both 5b in bf16."""
        config = read_mapping(folder / "transformer" / "config.json")
        rotary = config.get("use_rotary_positional_embeddings", False)
        inference = InferenceDefaults(
            steps=50, guidance_scale=6.0, dtype="bfloat16" if rotary else "float16"
        )
        return (_GEOMETRY if config.get("patch_size_t") is None else _GEOMETRY_1_5), inference

    @cached_property
    def compression(self) -> Compression:
        vae, transformer = self._config("vae"), self._config("transformer")
        return Compression(
            temporal=vae["temporal_compression_ratio"],
            spatial=2 ** (len(vae["block_out_channels"]) - 1),
            patch=transformer["patch_size"],
            temporal_patch=transformer.get("patch_size_t") or 1,
        )

    def text_shape(self) -> tuple[int, int]:
        config = self._config("transformer")
        return int(config["max_text_seq_length"]), int(config["text_embed_dim"])

    def _check_trainable(self) -> None:
        image = "use the text-to-video checkpoint, this one wants an image"
        self._refuse_unless("transformer", "use_learned_positional_embeddings", False, image)
        self._refuse_unless("transformer", "ofs_embed_dim", None, image)
        channels = self._config("vae")["latent_channels"]
        self._refuse_unless("transformer", "in_channels", channels, image)

    def training_loss(self, transformer: Predictor, batch: TrainingBatch) -> torch.Tensor:
        clean = (posterior_sample(batch) * self._vae_scale).transpose(1, 2)
        noise = batch.noise.transpose(1, 2)
        scheduler = self._scheduler
        count = scheduler.config.num_train_timesteps
        timesteps = (batch.positions * count).long().clamp(0, count - 1)
        noisy = scheduler.add_noise(clean, noise, timesteps)
        dtype = dtype_of(transformer)
        predicted = transformer(
            hidden_states=noisy.to(dtype),
            encoder_hidden_states=batch.embeddings.to(dtype),
            timestep=timesteps,
            image_rotary_emb=self.rotary(noisy),
            return_dict=False,
        )[0]
        return mean_squared_error(predicted, scheduler.get_velocity(clean, noise, timesteps))

    def rotary(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Position tables for latents [B, F, C, H, W]; None where the denoiser adds positions of
        its own."""
        config = self._config("transformer")
        if not config.get("use_rotary_positional_embeddings", False):
            return None
        grid = RotaryGrid(
            config["attention_head_dim"],
            config["patch_size"],
            config.get("patch_size_t"),
            config["sample_height"],
            config["sample_width"],
        )
        _, frames, _, height, width = latents.shape
        return rotary_tables(grid, frames, height, width, str(latents.device))

    @cached_property
    def _vae_scale(self) -> float:
        """Factor between a VAE sample and the latent the denoiser sees."""
        return float(self._config("vae")["scaling_factor"])

    @cached_property
    def _scheduler(self) -> _Scheduler:
        """The checkpoint's own scheduler, never one built by hand."""
        from diffusers import CogVideoXDDIMScheduler

        scheduler: _Scheduler = CogVideoXDDIMScheduler.from_pretrained(self.folder / "scheduler")
        if scheduler.config.prediction_type != "v_prediction":
            raise ConfigError(
                "the loss is written for v-prediction",
                file=self.folder / "scheduler" / "scheduler_config.json",
                key="prediction_type",
                found=scheduler.config.prediction_type,
                expected="v_prediction",
            )
        return scheduler
