"""Where the VAE's training starts: a network that already passes low-resolution colour through.

A default initialisation spends its first ten minutes on two cores learning to copy mean colours.
Here residual branches start at zero, down- and up-sampling as averages and linear interpolation, so
step 0 is a smooth 8x8 reduction and every step after it goes into detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX
    from diffusers.models.autoencoders.autoencoder_kl_cogvideox import (
        CogVideoXDecoder3D,
        CogVideoXEncoder3D,
    )

_RGB = range(3)
_NEGATED = range(3, 6)
"""Negated copies: silu(x) - silu(-x) = x, so pairs cross the activations undistorted."""
_CHANGE = range(6, 9)
_LEVEL = {12: 1.5, 13: -1.5, 14: 1.5, 15: -1.5}
"""Constant channels: they dominate the norm's spread, so normalising doesn't rescale colours."""
_LATENT_GAIN = 2.0
_NORM_GAIN = 0.4


@torch.no_grad()
def pass_colours_through(vae: AutoencoderKLCogVideoX) -> None:
    """Set the weights of a fresh four-block VAE as described above, in place."""
    parts: list[tuple[str, Any]] = list(vae.named_modules())
    for name, part in parts:
        if name.endswith("conv2"):
            part.conv.weight.zero_()
            part.conv.bias.zero_()
        elif name.endswith("conv_shortcut"):
            _identity(part.weight)
            part.bias.zero_()
    _encoder(vae.encoder)
    _decoder(vae.decoder)


def _encoder(encoder: CogVideoXEncoder3D) -> None:
    entry = encoder.conv_in.conv
    entry.weight[list(_RGB) + list(_NEGATED) + list(_CHANGE) + list(_LEVEL)] = 0
    for colour in range(3):
        entry.weight[_RGB[colour], colour, 2, 1, 1] = 1
        entry.weight[_NEGATED[colour], colour, 2, 1, 1] = -1
        entry.weight[_CHANGE[colour], colour, 2, 1, 1] = 1
        entry.weight[_CHANGE[colour], colour, 1, 1, 1] = -1
    entry.bias.zero_()
    for channel, value in _LEVEL.items():
        entry.bias[channel] = value
    details: list[list[int]] = []
    for block in encoder.down_blocks:
        for sampler in block.downsamplers or []:
            details.append(_averaging(sampler.conv))
    encoder.norm_out.weight.fill_(_NORM_GAIN)
    _to_latents(encoder.conv_out.conv, details)


def _averaging(conv: nn.Conv2d) -> list[int]:
    """2x2 means of every channel; six spare channels take the differences across and down."""
    count = conv.weight.shape[0]
    conv.weight.mul_(0.1)
    for channel in range(count):
        conv.weight[channel] *= 0 if channel in _LEVEL or channel in _RGB else 1
        conv.weight[channel, channel, :2, :2] = 0.25
    # The widest layers leave their last channels empty; the narrowest has three to spare.
    spare = list(range(count - 6, count)) if count > 16 else [9, 10, 11]
    for number, channel in enumerate(spare):
        conv.weight[channel].zero_()
        sign = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
        conv.weight[channel, number % 3, :2, :2] = 0.5 * (sign if number < 3 else sign.T)
    _zero_bias(conv)
    return spare


def _to_latents(conv: nn.Conv3d, details: list[list[int]]) -> None:
    latents = conv.weight.shape[0] // 2
    conv.weight[latents:] = 0
    _zero_bias(conv)
    assert conv.bias is not None
    conv.bias[latents:] = -6.0
    middle = conv.weight[:, :, 2, 1, 1]
    conv.weight[:6] = 0
    gain = _LATENT_GAIN * 0.39 / _NORM_GAIN
    for colour in range(3):
        middle[colour, _RGB[colour]] = gain
        middle[colour, _NEGATED[colour]] = -gain
        middle[3 + colour, _CHANGE[colour]] = 4 * gain
    sources = [channel for level in reversed(details) for channel in level]
    for latent, channel in zip(range(6, latents), sources, strict=False):
        conv.weight[latent] = 0
        middle[latent, channel] = 4 * gain


def _decoder(decoder: CogVideoXDecoder3D) -> None:
    entry = decoder.conv_in.conv
    latents = entry.weight.shape[1]
    entry.weight.mul_(0.1)
    entry.weight[: 16 + latents] = 0
    entry.bias.zero_()
    for colour in range(3):
        entry.weight[_RGB[colour], colour, 2, 1, 1] = 1 / _LATENT_GAIN
        entry.weight[_NEGATED[colour], colour, 2, 1, 1] = -1 / _LATENT_GAIN
    for latent in range(3, latents):
        channel = latent + 3 if latent < 9 else latent + 16
        entry.weight[channel, latent, 2, 1, 1] = 1 / _LATENT_GAIN
    for channel, value in _LEVEL.items():
        entry.bias[channel] = value
    kernel = torch.tensor([1.0, 2.0, 1.0])
    smooth = torch.outer(kernel, kernel) / 16
    for block in decoder.up_blocks:
        for sampler in block.upsamplers or []:
            sampler.conv.weight.zero_()
            sampler.conv.bias.zero_()
            for channel in range(sampler.conv.weight.shape[0]):
                sampler.conv.weight[channel, channel] = smooth
    for part in (decoder.norm_out.conv_y.conv, decoder.norm_out.conv_b.conv):
        part.weight.zero_()
        part.bias.zero_()
    decoder.norm_out.conv_y.conv.bias.fill_(_NORM_GAIN)
    exit_ = decoder.conv_out.conv
    exit_.weight.mul_(0.05)
    exit_.bias.zero_()
    for colour in range(3):
        exit_.weight[colour, _RGB[colour], 2, 1, 1] = 0.9 / _NORM_GAIN
        exit_.weight[colour, _NEGATED[colour], 2, 1, 1] = -0.9 / _NORM_GAIN


def _identity(weight: Tensor) -> None:
    weight.zero_()
    for channel in range(min(weight.shape[0], weight.shape[1])):
        weight[channel, channel] = 1


def _zero_bias(conv: nn.Conv2d | nn.Conv3d) -> None:
    if conv.bias is not None:
        conv.bias.zero_()
