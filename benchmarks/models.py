"""Bases for benchmarks: CogVideoX of any size with random weights, in CogVideoX-2b's proportions.

Published sizes: transformer 1.69 B parameters, T5-XXL encoder 4.76 B (2.8 times), VAE 0.216 B (0.13
times). All three shrink together; the tokenizer, the scheduler and 9 frames of 96x64 are the
miniature's, and there is no RoPE, as in CogVideoX-2b.

`python benchmarks/models.py FOLDER --transformer-parameters 20e6`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slora_assets.miniature.weights import architecture
from slora_assets.miniature.weights.build import CARD, save_base
from slora_assets.miniature.weights.tokens import tokenizer
from slora_assets.provenance import write_json

ENCODER_SHARE = 4.76 / 1.69
VAE_SHARE = 0.216 / 1.69
_HEAD = 64
_COGVIDEOX_2B = {"width": 1920, "time_embedding": 512}


@dataclass(frozen=True)
class Sizes:
    """Parameters of each part."""

    transformer: int
    text_encoder: int
    vae: int

    def __str__(self) -> str:
        parts = [f"{n.replace('_', ' ')} {size / 1e6:.1f} M" for n, size in vars(self).items()]
        return ", ".join(parts)


def build_cogvideox(folder: Path, transformer_parameters: float = 20e6, seed: int = 0) -> Path:
    """Write a pipeline in diffusers' layout that slora opens as `base_model: <folder>`.

    Weights are random, drawn from `seed`, saved as fp16. The same arguments give the same bytes.
    """
    import torch
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    words = tokenizer()
    transformer, encoder, vae = configurations(transformer_parameters, len(words))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = CogVideoXPipeline(
            tokenizer=words,
            text_encoder=T5EncoderModel(T5Config(**encoder)),
            vae=AutoencoderKLCogVideoX(**vae),
            transformer=CogVideoXTransformer3DModel(**transformer),
            scheduler=CogVideoXDDIMScheduler(**architecture.SCHEDULER),
        )
    save_base(pipeline, folder, revision=f"random-{seed}", trained=False)
    card = json.loads((folder / CARD).read_text())
    write_json(folder / CARD, card | {"name": f"cogvideox-{transformer_parameters / 1e6:g}m"})
    return folder


def sizes(folder: Path) -> Sizes:
    """Count the parameters of a built or shipped base."""
    from slora_assets.base_models.weights import read_safetensors_header

    counts: dict[str, int] = {}
    for part in ("transformer", "text_encoder", "vae"):
        counts[part] = 0
        for file in (folder / part).glob("*.safetensors"):
            header = read_safetensors_header(file)
            header.pop("__metadata__", None)
            for entry in header.values():
                count = 1
                for size in entry["shape"]:
                    count *= size
                counts[part] += count
    return Sizes(**counts)


def configurations(
    transformer_parameters: float, vocabulary: int
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What the three classes are built from: depth and width shrink together, as heads = layers."""
    from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
    from transformers import T5Config, T5EncoderModel

    heads = max(2, round(30 * (transformer_parameters / 1.69e9) ** (1 / 3)))
    width = heads * _HEAD
    transformer = architecture.TRANSFORMER | {
        "num_attention_heads": heads,
        "attention_head_dim": _HEAD,
        "time_embed_dim": _COGVIDEOX_2B["time_embedding"]
        * width
        // _COGVIDEOX_2B["width"]
        // 8
        * 8,
        "text_embed_dim": _HEAD * (2 * heads + 1),
    }

    def with_layers(layers: int) -> dict[str, Any]:
        return transformer | {"num_layers": layers}

    transformer = with_layers(
        _nearest(
            lambda n: _count(lambda: CogVideoXTransformer3DModel(**with_layers(n))),
            range(1, 4 * heads + 4),
            transformer_parameters,
        )
    )
    text_width = transformer["text_embed_dim"]
    encoder = architecture.TEXT_ENCODER | {
        "vocab_size": vocabulary,
        "d_model": text_width,
        "d_kv": _HEAD,
        "d_ff": 5 * text_width // 2,
        "num_heads": text_width // _HEAD,
    }
    encoder["num_layers"] = _nearest(
        lambda n: _count(lambda: T5EncoderModel(T5Config(**(encoder | {"num_layers": n})))),
        range(1, 64),
        ENCODER_SHARE * transformer_parameters,
    )

    def vae(channels: int) -> dict[str, Any]:
        # CogVideoX's own 128, 256, 256, 512.
        outs = (channels, 2 * channels, 2 * channels, 4 * channels)
        return architecture.VAE | {"block_out_channels": outs}

    channels = _nearest(
        lambda n: _count(lambda: AutoencoderKLCogVideoX(**vae(8 * n))),
        range(1, 24),
        VAE_SHARE * transformer_parameters,
    )
    return transformer, encoder, vae(8 * channels)


def _count(build: Callable[[], Any]) -> int:
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build().parameters())


def _nearest(size: Callable[[int], int], choices: range, wanted: float) -> int:
    """The choice whose size is nearest to `wanted`; sizes grow with choices."""
    best = choices[0]
    for choice in choices:
        if abs(size(choice) - wanted) > abs(size(best) - wanted):
            break
        best = choice
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--transformer-parameters", type=float, default=20e6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    build_cogvideox(options.folder, options.transformer_parameters, options.seed)
    print(f"{options.folder}: {sizes(options.folder)}")


if __name__ == "__main__":
    main()
