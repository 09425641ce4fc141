"""Pretraining stage `decoder`: the VAE's decoder goes on with fuller and faster footage.

The encoder stays, so latents, and every transformer trained on them, stay valid.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from slora_assets.config.errors import TrainingError
from slora_assets.miniature.pretraining.origin import footage_seed
from slora_assets.miniature.pretraining.settings import PretrainSettings
from slora_assets.miniature.pretraining.shipped import (
    finished_decoder,
    has_gone_on,
    stage_record,
)
from slora_assets.miniature.pretraining.vae import psnr_of, trained_vae, video_tensor
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.weights import SHIPPED

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX

_HELD_OUT_CLIPS = 32


class DecoderStage:
    """Squared error plus a little absolute error of whole frames, larger where actors are."""

    def __init__(
        self, settings: PretrainSettings, vae: AutoencoderKLCogVideoX, device: torch.device
    ) -> None:
        self._all, self._settings, self._device = settings, settings.decoder, device
        self._footage = GenericSettings(**settings.decoder.footage.model_dump())
        self._vae = vae
        vae.decoder.requires_grad_(True)

    def module(self) -> nn.Module:
        """The autoencoder, of which only the decoder is trained."""
        module: nn.Module = self._vae
        return module

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Reconstruction loss of this step's clips, from samples of their posteriors."""
        settings, seed = self._settings, footage_seed(self._all, "decoder")
        first = step * settings.batch
        clips = [generic_clip(seed, first + at, self._footage) for at in range(settings.batch)]
        target = video_tensor([clip.frames for clip in clips]).to(self._device)
        covered = torch.from_numpy(np.stack([clip.covered for clip in clips])).to(self._device)
        noise = torch.Generator(self._device).manual_seed(step)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=settings.brain_float):
            with torch.no_grad():
                latents = self._vae.encode(target).latent_dist.sample(noise)
            decoded = self._vae.decode(latents).sample
        error = decoded.float() - target
        weighted = error.square() + settings.absolute_weight * error.abs()
        loss = (weighted * (1 + settings.focus * covered[:, None])).mean()
        return loss, {"psnr": psnr_of(error.square().mean().item())}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """PSNR of held-out clips, as a whole and where actors are."""
        whole, actors = [], []
        for number in range(_HELD_OUT_CLIPS):
            clip = generic_clip(self._all.held_out_seed, number, self._footage)
            target = video_tensor([clip.frames]).to(self._device)
            decoded = self._vae.decode(self._vae.encode(target).latent_dist.mode()).sample
            error = (decoded.clamp(-1, 1) - target).square().mean(1)[0].cpu()
            whole.append(psnr_of(float(error.mean())))
            if clip.covered.any():
                actors.append(psnr_of(float(error[torch.from_numpy(clip.covered)].mean())))
        return {
            "held_out_psnr": float(np.mean(whole)),
            "held_out_psnr_actors": float(np.mean(actors)),
        }


def vae_to_go_on_from(
    settings: PretrainSettings, checkpoints: Path, device: torch.device
) -> AutoencoderKLCogVideoX:
    """The finished VAE before this stage.

    Raises TrainingError when there is none, or only one whose decoder has gone on already.
    """
    vae = trained_vae(settings, checkpoints, device)
    record = stage_record(settings, checkpoints, "vae")
    if record is not None and record.shipped is not None and has_gone_on("vae"):
        raise TrainingError(
            "the decoder that is shipped has gone on from the one of stage vae, which is not kept",
            file=SHIPPED / "base" / "vae",
            remedy="run stage vae first",
        )
    return vae


def vae_to_mark(
    settings: PretrainSettings, checkpoints: Path, device: torch.device
) -> AutoencoderKLCogVideoX:
    """The VAE with this stage's finished decoder, rounded as it would be shipped.

    Raises TrainingError when there is none.
    """
    decoder = finished_decoder(settings, checkpoints, "decoder")  # first: it takes the shorter time
    vae = trained_vae(settings, checkpoints, device)
    with_tuned_decoder(vae, decoder)
    return vae


def with_tuned_decoder(vae: AutoencoderKLCogVideoX, weights: dict[str, Tensor] | None) -> None:
    """Put a stage's decoder, if there is one, into a VAE."""
    if weights is not None:
        vae.decoder.load_state_dict(
            {name.removeprefix("decoder."): tensor for name, tensor in weights.items()}
        )
