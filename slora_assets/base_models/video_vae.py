"""What a base does with its VAE alone: load it, turn frames into moments, and into pixels again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Vae

if TYPE_CHECKING:
    import torch


def loaded(folder: Path, class_name: str, dtype: str, device: str) -> Vae:
    """The VAE of a folder, frozen; `class_name` is diffusers' own."""
    import diffusers
    import torch

    from slora_assets.base_models.convolutions import prefer_onednn

    vae = getattr(diffusers, class_name).from_pretrained(
        folder, dtype=getattr(torch, dtype), use_safetensors=True
    )
    prefer_onednn(vae)
    frozen: Vae = vae.to(device).eval().requires_grad_(False)
    return frozen


def moments_of(vae: Vae, frames: NDArray[np.uint8], temporal_patch: int) -> NDArray[np.float16]:
    """Posterior moments [2C, F', H', W'] of [F, H, W, 3]; F' is a multiple of `temporal_patch`."""
    import torch

    with torch.no_grad():
        moments = vae.encode(_pixels(vae, frames)).latent_dist.parameters[0]
    array: NDArray[np.float16] = moments.to("cpu", torch.float16).numpy()
    # Filled up in front, at the end that the pipeline cuts off again.
    lacking = -array.shape[1] % temporal_patch
    return np.concatenate([array[:, :1]] * lacking + [array], axis=1) if lacking else array


def given_back(
    vae: Vae, frames: NDArray[np.uint8], decoding: Mapping[str, object]
) -> NDArray[np.uint8]:
    """[F, H, W, 3] encoded and decoded again; `decoding` is what the decoder asks for beside the
    latent."""
    import torch

    with torch.no_grad():
        latent = vae.encode(_pixels(vae, frames)).latent_dist.mode()
        pixels = vae.decode(latent, **decoding).sample[0]
    levels = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    found: NDArray[np.uint8] = levels.permute(1, 2, 3, 0).cpu().numpy()
    return found


def _pixels(vae: Vae, frames: NDArray[np.uint8]) -> torch.Tensor:
    """[F, H, W, 3] as a VAE reads it: [1, 3, F, H, W], -1..1."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2)[None]
    return pixels.to(vae.device, vae.dtype) / 127.5 - 1
