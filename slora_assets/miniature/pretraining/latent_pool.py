"""Pretraining clips as latents with captions: encoded once, in chunks, so a stop loses little."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from slora_assets.miniature.pretraining.vae import video_tensor
from slora_assets.miniature.scenes.captions import clip_captions
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.weights import architecture
from slora_assets.provenance import replacing

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX

log = logging.getLogger(__name__)
CHUNK: Final = 256
_FORMAT: Final = 2
"""Of a chunk's file."""
_BATCH: Final = 8


class LatentPool:
    """Unscaled latent means [N, C, F, H, W] in float16, what share of each latent's pixels shows
    an actor [N, F, H, W] (0 to 1, float16), and six captions per clip."""

    def __init__(self, latents: Tensor, covered: Tensor, captions: list[list[str]]) -> None:
        self.latents = latents
        self.covered = covered
        self.captions = captions

    def __len__(self) -> int:
        return len(self.captions)

    @classmethod
    def of(
        cls,
        folder: Path,
        vae: AutoencoderKLCogVideoX,
        seed: int,
        settings: GenericSettings,
        count: int,
    ) -> LatentPool:
        """Encode what `folder` lacks of the first `count` clips of a seed, and read them all.

        Chunks lie under a key of VAE and footage: another VAE never finds them.
        """
        folder = folder / _key(vae, settings)
        latents: list[Tensor] = []
        covered: list[Tensor] = []
        captions: list[list[str]] = []
        for number in range(-(-count // CHUNK)):
            file = folder / f"{seed}_{number:04d}.safetensors"
            if not file.is_file():
                _encode_chunk(file, vae, seed, number * CHUNK, settings)
                log.info("encoded %d clips of seed %d", (number + 1) * CHUNK, seed)
            with safe_open(file, framework="pt") as stream:
                latents.append(stream.get_tensor("latents"))
                covered.append(stream.get_tensor("covered"))
                captions += json.loads(stream.metadata()["captions"])
        return cls(torch.cat(latents)[:count], torch.cat(covered)[:count], captions[:count])


def _key(vae: AutoencoderKLCogVideoX, settings: GenericSettings) -> str:
    """What the bytes of a chunk depend on besides its seed and number."""
    digest = hashlib.sha256(json.dumps([_FORMAT, asdict(settings)], sort_keys=True).encode())
    for _, tensor in sorted(vae.state_dict().items()):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def _encode_chunk(
    file: Path, vae: AutoencoderKLCogVideoX, seed: int, first: int, settings: GenericSettings
) -> None:
    device = next(vae.parameters()).device
    latents, covered, captions = [], [], []
    for start in _starts(first):
        clips = [generic_clip(seed, index, settings) for index in range(start, start + _BATCH)]
        videos = video_tensor([clip.frames for clip in clips]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            means = vae.encode(videos).latent_dist.mode()
        latents.append(means.half().cpu())
        covered.append(_pooled(np.stack([clip.covered for clip in clips])))
        captions += [
            clip_captions(seed, start + at, clip.actors, clip.surroundings)
            for at, clip in enumerate(clips)
        ]
    with replacing(file) as temporary:
        save_file(
            {"latents": torch.cat(latents).contiguous(), "covered": torch.cat(covered)},
            temporary,
            {"captions": json.dumps(captions)},
        )


def _pooled(covered: NDArray[np.bool_]) -> Tensor:
    """Share of each latent's pixels that are covered: [B, F, H, W] becomes [B, F', H', W'].

    The first latent frame holds the first frame alone, each later one the next few.
    """
    ratio = architecture.TEMPORAL_RATIO
    shares = torch.nn.functional.avg_pool2d(
        torch.from_numpy(covered).float(), architecture.SPATIAL_RATIO
    )
    groups = [shares[:, :1], *torch.split(shares[:, 1:], ratio, dim=1)]
    return torch.stack([group.mean(dim=1) for group in groups], dim=1).half()


def _starts(first: int) -> Iterator[int]:
    return iter(range(first, first + CHUNK, _BATCH))
