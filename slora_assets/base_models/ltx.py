"""LTX-Video 0.9 (Lightricks/LTX-Video): few, large tokens, packed into a sequence.

Flow matching with logit-normal timesteps, shifted the more the longer the sequence
(arXiv:2501.00103; Lightricks/LTX-Video-Trainer `timestep_samplers.py`, `shifted_logit_normal`). T5
is run without a mask, the denoiser with one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import log, prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.flow import FlowMatchingBase
from slora_assets.base_models.loss_terms import dtype_of
from slora_assets.base_models.parts import Compression, Pipeline, Predictor, TextEncoder, Vae
from slora_assets.base_models.weights import read_tensors
from slora_assets.documents import Geometry, InferenceDefaults

if TYPE_CHECKING:
    import torch

_TEXT_LENGTH = 128
_DECODE_TIMESTEP, _DECODE_NOISE = 0.05, 0.025
"""For VAEs that denoise a little while they decode (0.9.1 and later): diffusers' documentation of
the pipeline."""


class LtxVideo(FlowMatchingBase):
    """LTX-Video in diffusers' `LTXPipeline` layout."""

    pipeline_class = "LTXPipeline"
    transformer_class = "LTXVideoTransformer3DModel"
    vae_class = "AutoencoderKLLTXVideo"

    @classmethod
    def defaults(cls, folder: Path) -> tuple[Geometry, InferenceDefaults]:
        """Those of diffusers' `LTXPipeline`."""
        return (
            Geometry(frames=161, height=512, width=704, fps=25),
            InferenceDefaults(
                steps=50, guidance_scale=3.0, max_sequence_length=_TEXT_LENGTH, dtype="bfloat16"
            ),
        )

    @cached_property
    def compression(self) -> Compression:
        vae = self._config("vae")
        halvings = 2 ** sum(vae["spatio_temporal_scaling"])
        return Compression(
            temporal=vae.get("temporal_compression_ratio") or vae["patch_size_t"] * halvings,
            spatial=vae.get("spatial_compression_ratio") or vae["patch_size"] * halvings,
            patch=1,
        )

    def text_shape(self) -> tuple[int, int]:
        length = self.inference.max_sequence_length or _TEXT_LENGTH
        return length, int(self._config("transformer")["caption_channels"])

    def _check_trainable(self) -> None:
        remedy = "use Lightricks/LTX-Video, whose VAE makes the patches"
        self._refuse_unless("transformer", "patch_size", 1, remedy)
        self._refuse_unless("transformer", "patch_size_t", 1, remedy)

    def _embed(self, encoder: TextEncoder, prompts: list[str]) -> torch.Tensor:
        length = self.text_shape()[0]
        embedding, *more = encoder.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=length
        )
        mask = more[0]
        assert mask is not None, "this family's pipeline always gives one"
        # The denoiser never looks at these rows, so they can say where the prompt ends.
        return embedding * mask[..., None].to(embedding.dtype)

    def _latent_statistics(self) -> tuple[Sequence[float], Sequence[float]]:
        """They are stored among the VAE's weights; the VAE itself isn't in memory in training."""
        found = read_tensors(self.folder / "vae", ("latents_mean", "latents_std"))
        deviation = found["latents_std"] / self._config("vae")["scaling_factor"]
        return found["latents_mean"].tolist(), deviation.tolist()

    def _log_shift(self, shape: Sequence[int]) -> float:
        scheduler = self._config("scheduler")
        if not scheduler.get("use_dynamic_shifting"):
            return log(scheduler.get("shift", 1.0))
        short, long = scheduler["base_image_seq_len"], scheduler["max_image_seq_len"]
        slope = (scheduler["max_shift"] - scheduler["base_shift"]) / (long - short)
        return float(scheduler["base_shift"] + (prod(shape[2:]) - short) * slope)

    def _predict(
        self,
        transformer: Predictor,
        noisy: torch.Tensor,
        timesteps: torch.Tensor,
        embeddings: torch.Tensor,
    ) -> torch.Tensor:
        import torch

        _, _, frames, height, width = noisy.shape
        dtype, c = dtype_of(transformer), self.compression
        predicted = transformer(
            hidden_states=noisy.flatten(2).transpose(1, 2).to(dtype),
            encoder_hidden_states=embeddings.to(dtype),
            timestep=timesteps,
            encoder_attention_mask=text_mask(embeddings),
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(c.temporal / self.geometry.fps, c.spatial, c.spatial),
            return_dict=False,
        )[0]
        return torch.unflatten(predicted.transpose(1, 2), 2, (frames, height, width))

    def _decode_arguments(self, vae: Vae) -> Mapping[str, object]:
        import torch

        if not self._config("vae").get("timestep_conditioning"):
            return {}
        return {"temb": torch.tensor([_DECODE_TIMESTEP], device=vae.device, dtype=vae.dtype)}

    def _call_arguments(self) -> Mapping[str, object]:
        arguments: dict[str, object] = {"frame_rate": self.geometry.fps}
        if self._config("vae").get("timestep_conditioning"):
            arguments |= {"decode_timestep": _DECODE_TIMESTEP, "decode_noise_scale": _DECODE_NOISE}
        return arguments

    def _embedded(
        self,
        pipeline: Pipeline,
        embeddings: Sequence[NDArray[np.float16]],
        empty: NDArray[np.float16],
    ) -> dict[str, torch.Tensor]:
        text = super()._embedded(pipeline, embeddings, empty)
        masks = {
            name.replace("prompt_embeds", "prompt_attention_mask"): text_mask(rows)
            for name, rows in text.items()
        }
        return text | masks


def text_mask(embeddings: torch.Tensor) -> torch.Tensor:
    """Which rows of embeddings [B, L, D] belong to the prompt, [B, L]; the rest is zero."""
    return (embeddings != 0).any(dim=-1)
