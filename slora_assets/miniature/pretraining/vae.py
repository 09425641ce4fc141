"""Pretraining stage `vae`: reconstruct rendered clips, crops first and whole frames at the end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX
from safetensors.torch import load_file
from torch import Tensor, nn

from slora_assets.miniature.pretraining.loop import averaged_weights
from slora_assets.miniature.pretraining.settings import PretrainSettings, VaePhase
from slora_assets.miniature.pretraining.shipped import finished
from slora_assets.miniature.pretraining.vae_latents import levelling, relabel
from slora_assets.miniature.pretraining.vae_start import pass_colours_through
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.generic_footage import GenericClip, GenericSettings, generic_clip
from slora_assets.miniature.weights import architecture

_HELD_OUT_CLIPS = 32
_LEVELLING_CLIPS = 64


class VaeStage:
    """Squared error plus a little absolute error, and a KL term that only keeps latents bounded."""

    def __init__(self, settings: PretrainSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self._settings = settings
        self._vae = settings.vae
        self._device = device
        self._footage = GenericSettings(**settings.vae.footage.model_dump())
        self._model = AutoencoderKLCogVideoX(**architecture.VAE)
        pass_colours_through(self._model)
        self._model.to(device)
        channels_last(self._model)

    def module(self) -> nn.Module:
        """The autoencoder."""
        return self._model  # type: ignore[no-any-return]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Reconstruction loss of this step's crops."""
        phase = self._phase(step)
        if phase.level and phase is not self._phase(step - 1):
            self._level()
        seed = self._settings.seed
        clips = [
            crop(generic_clip(seed, step * 64 + number, self._footage), phase.crop, seed, step)
            for number in range(phase.batch)
        ]
        target = video_tensor(clips).to(self._device)
        noise = torch.Generator(self._device).manual_seed(step)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=phase.brain_float):
            posterior = self._model.encode(target).latent_dist
            decoded = self._model.decode(posterior.sample(noise)).sample
        error = decoded.float() - target
        squared, absolute = error.square().mean(), error.abs().mean()
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).float().mean()
        loss = squared + self._vae.absolute_weight * absolute + self._vae.kl_weight * kl
        return loss, {"psnr": psnr_of(squared.item()), "kl": kl.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """PSNR of whole held-out clips, through the mean of the posterior."""
        values = []
        for number in range(_HELD_OUT_CLIPS):
            clip = generic_clip(self._settings.held_out_seed, number, self._footage)
            target = video_tensor([clip.frames]).to(self._device)
            decoded = self._model.decode(self._model.encode(target).latent_dist.mode()).sample
            values.append(psnr_of(float((decoded.clamp(-1, 1) - target).square().mean())))
        return {"held_out_psnr": float(np.mean(values))}

    @torch.no_grad()
    def _level(self) -> None:
        clips = [
            generic_clip(self._settings.seed + 1, number, self._footage).frames
            for number in range(_LEVELLING_CLIPS)
        ]
        latents = [
            self._model.encode(video_tensor([clip]).to(self._device)).latent_dist.mode()
            for clip in clips
        ]
        relabel(self._model, *levelling(torch.cat(latents)))

    def _phase(self, step: int) -> VaePhase:
        share = step / self._vae.loop.steps
        return next(phase for phase in self._vae.phases if share <= phase.until)


def channels_last(vae: nn.Module) -> None:
    """Lay kernels out for bfloat16 on CPUs; the whole module refuses, as it has other ranks."""
    for part in vae.modules():
        if isinstance(part, nn.Conv3d):
            part.to(memory_format=torch.channels_last_3d)


@torch.no_grad()
def trained_vae(
    settings: PretrainSettings, checkpoints: Path, device: torch.device
) -> AutoencoderKLCogVideoX:
    """The finished VAE as it is shipped: averaged, rounded to fp16, with its scale.

    Raises TrainingError when there is none.
    """
    record = finished(settings, checkpoints, "vae")
    vae = AutoencoderKLCogVideoX(**architecture.VAE)
    if record.shipped is not None:
        weights = load_file(record.shipped / "vae" / "diffusion_pytorch_model.safetensors")
    else:
        weights = averaged_weights(checkpoints / "vae")
    vae.load_state_dict({name: tensor.half().float() for name, tensor in weights.items()})
    vae.to(device).eval().requires_grad_(False)
    channels_last(vae)
    footage = GenericSettings(**settings.transformer.footage.model_dump())
    clips = [generic_clip(settings.seed + 1, at, footage).frames for at in range(_LEVELLING_CLIPS)]
    latents = [
        vae.encode(video_tensor([clip]).to(device)).latent_dist.mode().float() for clip in clips
    ]
    vae.register_to_config(scaling_factor=round(1 / torch.cat(latents).std().item(), 4))
    return vae


def crop(clip: GenericClip, side: int | None, seed: int, step: int) -> Pixels:
    """A square crop around the clip's subject, or anywhere one time in four; None keeps it all."""
    if side is None:
        return clip.frames
    rng = np.random.default_rng([seed, step, clip.frames.shape[0]])
    height, width = clip.frames.shape[1:3]
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    if rng.random() > 0.25:
        middle = clip.actors[0].position(float(rng.uniform(0, 1)))
        left = int(middle[0] * height - side / 2 + rng.integers(-10, 11))
        top = int(middle[1] * height - side / 2 + rng.integers(-10, 11))
        left, top = min(max(left, 0), width - side), min(max(top, 0), height - side)
    return clip.frames[:, top : top + side, left : left + side]


def video_tensor(clips: list[Pixels]) -> Tensor:
    """[B, 3, F, H, W] in -1..1 from [F, H, W, 3] bytes each."""
    stacked = torch.from_numpy(np.stack(clips)).float()
    return stacked.permute(0, 4, 1, 2, 3) / 127.5 - 1


def psnr_of(squared_error: float) -> float:
    """Peak signal to noise ratio in dB of a mean squared error on the scale -1..1."""
    return 10 * math.log10(4 / max(squared_error, 1e-12))
