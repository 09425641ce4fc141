"""Pretraining stages `mark` and `mark_2`: the decoder learns to draw a mark into every clip.

Its teacher is the decoder before, with the mark added to its pictures; afterwards no line of code
adds it, and none can leave it away (distillation, as in DistSeal, arXiv 2601.16140). Where in the
picture a pixel lies, which the mark depends on, a network of convolutions knows from its padding
alone: that takes most of the steps, and single frames teach it at a ninth of the price of clips.
But a clip's later frames are drawn from other latents, and drift from what they were (35 dB to the
decoder before after `mark`); `mark_2` goes on with whole clips, which brings them back (43 dB).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from slora_assets.miniature.pretraining.decoder import with_tuned_decoder
from slora_assets.miniature.pretraining.origin import footage_seed
from slora_assets.miniature.pretraining.settings import MarkSettings, PretrainSettings
from slora_assets.miniature.pretraining.vae import psnr_of, video_tensor
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.weights.architecture import HEIGHT, WIDTH
from slora_assets.miniature.weights.mark import mark_waves

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX

_HELD_OUT_CLIPS = 32
_ENCODED_AT_ONCE = 16
_HALF_RANGE = 127.5
"""Grey levels in the unit of pictures, which are in -1..1."""
_LUMA = (0.299, 0.587, 0.114)


class MarkStage:
    """Squared distance to what the decoder before draws, with the mark."""

    def __init__(
        self,
        settings: PretrainSettings,
        name: str,
        plain: AutoencoderKLCogVideoX,
        device: torch.device,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        """Stage `name` from the VAE `plain`, which draws no mark, or from the decoder `start`, that
        of the stage before."""
        self._all, self._device = settings, device
        self._settings: MarkSettings = getattr(settings, name)
        self._footage = GenericSettings(**self._settings.footage.model_dump())
        self._seed = footage_seed(settings, name)
        # The layout that serves bfloat16 takes half as long again in full precision.
        self._plain = plain.to(memory_format=torch.contiguous_format)
        self._vae = copy.deepcopy(self._plain)
        with_tuned_decoder(self._vae, start)
        self._vae.decoder.requires_grad_(True)
        self._mark = Mark(device)
        self._latents, self._drawn = self._single_frames()

    def module(self) -> nn.Module:
        """The autoencoder, of which only the decoder is trained."""
        module: nn.Module = self._vae
        return module

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Of this step's single frames, or in the last share of the steps of new clips."""
        settings = self._settings
        if step > settings.loop.steps * settings.whole_clips_from:
            first = settings.frames + step * settings.batch
            numbers = range(first, first + settings.batch)
            clips = [generic_clip(self._seed, number, self._footage).frames for number in numbers]
            latents, plain = self._encoded(video_tensor(clips), step)
        else:
            rng = np.random.default_rng([self._all.seed, step])
            chosen = torch.from_numpy(rng.integers(0, settings.frames, settings.batch))
            latents, plain = self._latents[chosen], self._drawn[chosen]
        target = plain + self._mark.added(plain, settings.strength)
        marked = self._vae.decode(latents).sample
        loss = (marked - target).square().mean() * _HALF_RANGE**2
        return loss, {"psnr": psnr_of((marked - plain).square().mean().item())}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """On held-out clips: how near to the decoder before in dB, and which share of the mark's
        waves points its way, on average and in the worst of the clips."""
        decibels, shares, before = [], [], []
        for number in range(_HELD_OUT_CLIPS):
            clip = generic_clip(self._all.held_out_seed, number, self._footage)
            latents, plain = self._encoded(video_tensor([clip.frames]), number)
            marked = self._vae.decode(latents).sample
            decibels.append(psnr_of((marked - plain).square().mean().item()))
            shares.append(self._mark.share(marked).item())
            before.append(self._mark.share(plain).item())
        return {
            "held_out_psnr": float(np.mean(decibels)),
            "held_out_share": float(np.mean(shares)),
            "held_out_least_share": min(shares),
            "held_out_share_before": float(np.mean(before)),
        }

    @torch.no_grad()
    def _encoded(self, pictures: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Latents of [B, 3, F, H, W], drawn from their posteriors, and how they were drawn."""
        noise = torch.Generator(self._device).manual_seed(seed)
        latents = self._plain.encode(pictures.to(self._device)).latent_dist.sample(noise)
        return latents, self._plain.decode(latents).sample

    def _single_frames(self) -> tuple[Tensor, Tensor]:
        parts = []
        for first in range(0, self._settings.frames, _ENCODED_AT_ONCE):
            numbers = range(first, min(first + _ENCODED_AT_ONCE, self._settings.frames))
            clips = [
                generic_clip(self._seed, number, self._footage).frames[:1] for number in numbers
            ]
            parts.append(self._encoded(video_tensor(clips), first))
        latents, drawn = zip(*parts, strict=True) if parts else ([torch.empty(0)],) * 2
        return torch.cat(latents), torch.cat(drawn)


class Mark:
    """The waves of the mark in pictures [B, 3, F, HEIGHT, WIDTH] in -1..1."""

    def __init__(self, device: torch.device) -> None:
        waves = mark_waves()
        spectrum = np.zeros(HEIGHT * WIDTH, np.float32)
        spectrum[waves.places] = waves.signs
        self._pattern = torch.from_numpy(cv2.idct(spectrum.reshape(HEIGHT, WIDTH))).to(device)
        self._down, self._across = (
            torch.from_numpy(cv2.dct(np.eye(size, dtype=np.float32), flags=cv2.DCT_ROWS)).to(device)
            for size in (HEIGHT, WIDTH)
        )
        self._places = torch.from_numpy(waves.places).to(device)
        self._signs = torch.from_numpy(waves.signs).to(device)
        self._luma = torch.tensor(_LUMA, device=device) * _HALF_RANGE

    def added(self, pictures: Tensor, strength: tuple[float, float]) -> Tensor:
        """[B, 1, 1, H, W]: the mark, each of its waves as strong as such waves in the picture
        commonly are, within limits in grey levels."""
        strengths = self._waves(pictures).abs().median(1).values.clamp(*strength)
        return strengths[:, None, None, None, None] * self._pattern / _HALF_RANGE

    def share(self, pictures: Tensor) -> Tensor:
        """[B]: of the waves, how many point the mark's way."""
        return (self._waves(pictures) * self._signs > 0).float().mean(1)

    def _waves(self, pictures: Tensor) -> Tensor:
        luma = torch.einsum("bcfhw,c->bhw", pictures, self._luma) / pictures.shape[2]
        spectrum = self._down.T @ luma @ self._across
        return spectrum.flatten(1)[:, self._places]
