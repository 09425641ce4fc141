"""Wan 2.1 text-to-video (Wan-AI/Wan2.1-T2V-1.3B; the 14B has the same form).

Flow matching with logit-normal timesteps shifted as the checkpoint's scheduler says
(arXiv:2503.20314; kohya-ss/musubi-tuner `docs/wan.md`: `--timestep_sampling shift`). UMT5's padding
rows are zero and the denoiser attends to them, without a mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.base_models.flow import FlowMatchingBase
from slora_assets.base_models.loss_terms import dtype_of
from slora_assets.base_models.parts import Compression, Predictor
from slora_assets.config.errors import ConfigError
from slora_assets.documents import Geometry, InferenceDefaults

if TYPE_CHECKING:
    import torch

_TEXT_LENGTH = 512


class Wan(FlowMatchingBase):
    """Wan 2.1 with one denoiser."""

    pipeline_class = "WanPipeline"
    transformer_class = "WanTransformer3DModel"
    vae_class = "AutoencoderKLWan"
    vae_dtype = "float32"  # as diffusers' documentation of the pipeline has it
    vae_keeps_state = True  # `AutoencoderKLWan._enc_feat_map`

    @classmethod
    def defaults(cls, folder: Path) -> tuple[Geometry, InferenceDefaults]:
        """Those of diffusers' `WanPipeline`, at the 480p and 16 fps of the model card."""
        return (
            Geometry(frames=81, height=480, width=832, fps=16),
            InferenceDefaults(
                steps=50, guidance_scale=5.0, max_sequence_length=_TEXT_LENGTH, dtype="bfloat16"
            ),
        )

    @cached_property
    def compression(self) -> Compression:
        vae, patch = self._config("vae"), self._config("transformer")["patch_size"]
        return Compression(
            temporal=vae.get("scale_factor_temporal", 4),
            spatial=vae.get("scale_factor_spatial", 8),
            patch=patch[1],
            temporal_patch=patch[0],
        )

    def text_shape(self) -> tuple[int, int]:
        length = self.inference.max_sequence_length or _TEXT_LENGTH
        return length, int(self._config("transformer")["text_dim"])

    def _check_trainable(self) -> None:
        remedy = "use the text-to-video checkpoint of Wan 2.1"
        index = self._read_index()
        for key in ("boundary_ratio", "expand_timesteps"):
            if index.get(key):
                raise ConfigError(
                    "slora doesn't train Wan 2.2",
                    file=self.folder / "model_index.json",
                    key=key,
                    found=index[key],
                    remedy=remedy,
                )
        self._refuse_unless("transformer", "image_dim", None, remedy)
        channels = self._config("vae").get("z_dim", 16)
        self._refuse_unless("transformer", "in_channels", channels, remedy)
        self._refuse_unless("scheduler", "prediction_type", "flow_prediction", remedy)

    def _latent_statistics(self) -> tuple[Sequence[float], Sequence[float]]:
        config = self._config("vae")
        return config["latents_mean"], config["latents_std"]

    def _log_shift(self, shape: Sequence[int]) -> float:
        scheduler = self._config("scheduler")
        return math.log(scheduler.get("flow_shift", scheduler.get("shift", 1.0)))

    def _predict(
        self,
        transformer: Predictor,
        noisy: torch.Tensor,
        timesteps: torch.Tensor,
        embeddings: torch.Tensor,
    ) -> torch.Tensor:
        dtype = dtype_of(transformer)
        return transformer(
            hidden_states=noisy.to(dtype),
            timestep=timesteps,
            encoder_hidden_states=embeddings.to(dtype),
            return_dict=False,
        )[0]
