"""Writes a complete miniature base or scorer with random weights: same seed, same bytes.

Every file is what unmodified diffusers, transformers and open_clip load; `slora.json` beside the
weights says what they are and hashes them. Pretraining starts from these folders.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.miniature.weights import architecture
from slora_assets.provenance import Json, commit_folder, sha256_file, write_json

if TYPE_CHECKING:
    from diffusers import CogVideoXPipeline
    from open_clip import CLIP

CARD = "slora.json"
"""Name of the file that says what the weights beside it are."""


def build_base(folder: Path, seed: int = 0) -> None:
    """Write a text-to-video pipeline for `CogVideoXPipeline.from_pretrained(folder)`.

    Replaces `folder` if it exists. Weights are random, drawn from `seed`, saved as fp16.
    """
    save_base(new_base(seed), folder, revision=f"random-{seed}", trained=False)


def build_scorer(folder: Path, seed: int = 0) -> None:
    """Write a CLIP for `open_clip.create_model_and_transforms("local-dir:<folder>")`.

    Replaces `folder` if it exists. Weights are random, drawn from `seed`, saved as fp16.
    """
    save_scorer(new_scorer(seed), folder, revision=f"random-{seed}", trained=False)


def new_base(seed: int) -> CogVideoXPipeline:
    """A random pipeline in float32."""
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    from slora_assets.miniature.weights.tokens import tokenizer

    with _seeded(seed):
        words = tokenizer()
        return CogVideoXPipeline(
            tokenizer=words,
            text_encoder=T5EncoderModel(
                T5Config(vocab_size=len(words), **architecture.TEXT_ENCODER)
            ),
            vae=AutoencoderKLCogVideoX(**architecture.VAE),
            transformer=CogVideoXTransformer3DModel(**architecture.TRANSFORMER),
            scheduler=CogVideoXDDIMScheduler(**architecture.SCHEDULER),
        )


def new_scorer(seed: int) -> CLIP:
    """A random scorer in float32."""
    import open_clip

    from slora_assets.miniature.weights.tokens import tokenizer

    with _seeded(seed):
        return open_clip.CLIP(**scorer_config(len(tokenizer())))


def save_base(pipeline: CogVideoXPipeline, folder: Path, *, revision: str, trained: bool) -> None:
    """Write a pipeline's parts as fp16, in place of whatever `folder` held."""
    import torch

    for part in (pipeline.text_encoder, pipeline.vae, pipeline.transformer):
        part.to(torch.float16)
    with _committed(folder) as partial:
        pipeline.save_pretrained(partial, safe_serialization=True)
        write_card(partial, revision=revision, trained=trained, generates=True)


def save_scorer(model: CLIP, folder: Path, *, revision: str, trained: bool) -> None:
    """Write a scorer as fp16, in place of whatever `folder` held."""
    from safetensors.torch import save_file

    from slora_assets.miniature.weights.tokens import tokenizer

    words = tokenizer()
    config = scorer_config(len(words))
    with _committed(folder) as partial:
        partial.mkdir(parents=True)
        words.save_pretrained(partial)
        write_json(
            partial / "open_clip_config.json",
            {"model_cfg": config, "preprocess_cfg": architecture.SCORER_PREPROCESS},
        )
        # One metadata key: safetensors writes several in random order, which would move the hash.
        save_file(
            {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()},
            partial / "open_clip_model.safetensors",
            metadata={"format": "pt"},
        )
        write_card(partial, revision=revision, trained=trained, generates=False)


def scorer_config(vocabulary_size: int) -> dict[str, Json]:
    """open_clip's model configuration for a tokenizer of this size."""
    text = {**architecture.SCORER["text_cfg"], "vocab_size": vocabulary_size}
    return {**architecture.SCORER, "text_cfg": text}


def write_card(folder: Path, *, revision: str, trained: bool, generates: bool) -> None:
    """Write `slora.json`: identity of the weights in `folder`, with a SHA-256 for each file."""
    card: dict[str, Json] = {
        "name": "slora-miniature" if generates else "slora-miniature-scorer",
        "revision": revision,
        "licence": "Apache-2.0",
        "trained": trained,
        "weights": {
            file.relative_to(folder).as_posix(): sha256_file(file)
            for file in sorted(folder.rglob("*.safetensors"))
        },
    }
    if generates:
        card["geometry"] = {
            "frames": architecture.FRAMES,
            "height": architecture.HEIGHT,
            "width": architecture.WIDTH,
            "fps": architecture.FPS,
        }
        card["inference"] = {
            "steps": architecture.STEPS,
            "guidance_scale": architecture.GUIDANCE_SCALE,
            "max_sequence_length": architecture.TEXT_LENGTH,
        }
    write_json(folder / CARD, card)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from `seed` inside, and leave the caller's global generator as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def _committed(folder: Path) -> Iterator[Path]:
    """Yield a sibling path to fill; rename it to `folder` on success, remove it on failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        commit_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
