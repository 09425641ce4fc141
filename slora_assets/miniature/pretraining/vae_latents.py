"""Moves and scales a VAE's latent channels without changing what it reconstructs.

Left alone, some channels drift to means many deviations from zero, which a diffusion model would
have to produce out of noise at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX


def levelling(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Means and factors [C] that centre latents [N, C, F, H, W] and bring deviations closer.

    Deviations become their square roots, not all one: channels that carry more stay larger, so that
    noise buries them later.
    """
    mean = latents.mean((0, 2, 3, 4))
    deviation = latents.std((0, 2, 3, 4)).clamp(min=1e-3)
    factor = deviation.rsqrt()
    return mean, factor / (factor * deviation).square().mean().sqrt()


@torch.no_grad()
def relabel(vae: AutoencoderKLCogVideoX, mean: Tensor, factor: Tensor) -> None:
    """Make latents `(z - mean) * factor`, in place, and have the decoder undo it.

    Exact but for the outermost latent pixels, which the decoder's first kernel pads with zeros.
    """
    exit_: nn.Conv3d = vae.encoder.conv_out.conv
    assert exit_.bias is not None
    count = len(mean)
    exit_.weight[:count] *= factor[:, None, None, None, None]
    exit_.bias[:count].sub_(mean).mul_(factor)
    exit_.bias[count:] += 2 * factor.log()
    parts: list[tuple[str, Any]] = list(vae.decoder.named_modules())
    _undo(vae.decoder.conv_in.conv, mean, factor)
    for name, part in parts:
        if name.endswith(("conv_y", "conv_b")):
            _undo(part.conv, mean, factor)


def _undo(conv: nn.Conv3d, mean: Tensor, factor: Tensor) -> None:
    assert conv.bias is not None
    conv.bias += (conv.weight.sum((2, 3, 4)) * mean).sum(1)
    conv.weight /= factor[None, :, None, None, None]
