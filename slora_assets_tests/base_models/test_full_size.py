"""Each base at its published size, on the meta device: no weights, but every shape.

Configurations are those that huggingface/diffusers `scripts/convert_{cogvideox,wan,ltx}_to_
diffusers.py` write; text encoders are google/t5-v1_1-xxl and google/umt5-xxl. Publishers round the
sizes they name, so counts are compared at the precision of each figure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import save_file

from slora_assets.base_models.cogvideox import CogVideoX
from slora_assets.base_models.diffusers_base import DiffusersBase
from slora_assets.base_models.ltx import LtxVideo
from slora_assets.base_models.seam import LoraShape, TrainingBatch
from slora_assets.base_models.wan import Wan
from slora_assets.documents import BaseIdentity

_COGVIDEOX_SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
_ROPE = {"num_layers": 42, "num_attention_heads": 48, "use_rotary_positional_embeddings": True}
_WAN_1_3B = {
    "num_attention_heads": 12,
    "attention_head_dim": 128,
    "ffn_dim": 8960,
    "num_layers": 30,
    "text_dim": 4096,
    "freq_dim": 256,
}
_LTX_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "decoder_block_out_channels": (128, 256, 512, 512),
    "layers_per_block": (4, 3, 3, 3, 4),
    "decoder_layers_per_block": (4, 3, 3, 3, 4),
    "spatio_temporal_scaling": (True, True, True, False),
    "decoder_spatio_temporal_scaling": (True, True, True, False),
    "patch_size": 4,
    "patch_size_t": 1,
    "timestep_conditioning": False,
}
_LTX_SCHEDULER = {
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}


@dataclass(frozen=True)
class Published:
    """A base as its publisher describes it."""

    family: type[DiffusersBase]
    transformer: dict[str, Any]
    parameters: int
    """Of the denoiser, exactly, as counted here."""
    latent: tuple[int, int, int, int]
    tokens: int
    """Of video, at the base's own geometry."""
    vae: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    adapter: int | None = None
    """Trainable parameters of an adapter of rank 128, where somebody published them."""


BASES = {
    # Latent 13x16x60x90 and 17,776 tokens with the text (THUDM/CogVideo README).
    "CogVideoX-2b": Published(
        CogVideoX,
        {},
        1_693_783_872,
        (16, 13, 60, 90),
        17_550,
        {"scaling_factor": 1.15258426},
        _COGVIDEOX_SCHEDULER | {"snr_shift_scale": 3.0},
    ),
    # Adapter: a-r-r-o-w/finetrainers v0.0.1 `docs/training/cogvideox.md`.
    "CogVideoX-5b": Published(
        CogVideoX,
        _ROPE,
        5_570_283_072,
        (16, 13, 60, 90),
        17_550,
        {"scaling_factor": 0.7},
        _COGVIDEOX_SCHEDULER | {"snr_shift_scale": 1.0},
        132_120_576,
    ),
    # 81 frames of 1360x768, whose 21 latent frames are filled up to 22.
    "CogVideoX1.5-5B": Published(
        CogVideoX,
        _ROPE
        | {
            "patch_size_t": 2,
            "patch_bias": False,
            "sample_height": 300,
            "sample_width": 300,
            "sample_frames": 81,
        },
        5_570_676_352,
        (16, 22, 96, 170),
        44_880,
        {"scaling_factor": 0.7, "invert_scale_latents": True},
        _COGVIDEOX_SCHEDULER | {"snr_shift_scale": 1.0},
    ),
    # 32,760 tokens at 81x480x832.
    "Wan2.1-T2V-1.3B": Published(
        Wan,
        _WAN_1_3B,
        1_418_996_800,
        (16, 21, 60, 104),
        32_760,
        {},
        {
            "prediction_type": "flow_prediction",
            "use_flow_sigmas": True,
            "flow_shift": 3.0,
            "num_train_timesteps": 1000,
        },
    ),
    # Pixels to tokens 1:8192 (arXiv:2501.00103), so 161x512x704 gives 7,392.
    "LTX-Video": Published(
        LtxVideo, {}, 1_923_385_472, (128, 21, 16, 22), 7_392, _LTX_VAE, _LTX_SCHEDULER
    ),
}


def _on_meta(module: Any, name: str, config: dict[str, Any]) -> Any:
    with torch.device("meta"):
        return getattr(module, name)(**config)


def _count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _folder(published: Published, folder: Path) -> Path:
    """The configurations of a base's folder, without weights."""
    family = published.family
    for part, name, config in (
        ("transformer", family.transformer_class, published.transformer),
        ("vae", family.vae_class, published.vae),
    ):
        made = _on_meta(diffusers, name, config)
        made.save_config(folder / part)
    # What LTX-Video keeps among its VAE's weights.
    statistics = {"latents_mean": torch.zeros(128), "latents_std": torch.ones(128)}
    save_file(statistics, folder / "vae" / "statistics.safetensors")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(published.scheduler))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": family.pipeline_class}))
    return folder


def _opened(published: Published, folder: Path) -> DiffusersBase:
    folder = _folder(published, folder / "base")
    identity = BaseIdentity(name="", revision="", licence="", trained=False, parts={})
    return published.family(folder, identity, *published.family.defaults(folder))


@pytest.fixture(params=BASES)
def published(request: pytest.FixtureRequest) -> Published:
    return BASES[request.param]


def test_the_denoiser_has_the_published_size(published: Published) -> None:
    denoiser = _on_meta(diffusers, published.family.transformer_class, published.transformer)
    assert _count(denoiser) == published.parameters


@pytest.mark.parametrize(
    ("name", "published", "scale", "digits"),
    [
        ("CogVideoX-2b", 2, 1e9, 0),  # the name
        ("CogVideoX-5b", 11, 0.5e9, 0),  # GB of bf16 weights, localmodel-run.pages.dev
        ("Wan2.1-T2V-1.3B", 2.84, 0.5e9, 2),  # GB of bf16 weights, the same, after Wan-AI's card
        ("LTX-Video", 1.9, 1e9, 1),  # arXiv:2501.00103
    ],
)
def test_the_sizes_are_the_published_ones_to_their_last_digit(
    name: str, published: float, scale: float, digits: int
) -> None:
    assert round(BASES[name].parameters / scale, digits) == published


def test_1_5_differs_from_5b_in_its_patches_alone() -> None:
    """Twice as many latent pixels per token, in and out; 5b's width is 48 heads of 64."""
    width, pixels = 48 * 64, 16 * 2 * 2
    more = BASES["CogVideoX1.5-5B"].parameters - BASES["CogVideoX-5b"].parameters
    assert more == pixels * width + pixels * width + pixels


def test_latents_and_tokens_are_those_of_the_published_geometry(
    published: Published, tmp_path: Path
) -> None:
    base = _opened(published, tmp_path)
    assert base.latent_shape() == published.latent
    _, frames, height, width = published.latent
    c = base.compression
    assert (frames // c.temporal_patch) * (height // c.patch) * (width // c.patch) == (
        published.tokens
    )


def test_a_training_step_fits_together_at_full_size(published: Published, tmp_path: Path) -> None:
    """Loss and gradients without numbers: every shape of the step."""
    base = _opened(published, tmp_path)
    denoiser = _on_meta(diffusers, published.family.transformer_class, published.transformer)
    denoiser.to(torch.bfloat16).requires_grad_(False)
    base.add_adapter(denoiser, LoraShape(128, 128.0, base.lora_targets), seed=0)
    trainable = [p for p in denoiser.parameters() if p.requires_grad]
    if published.adapter:
        assert sum(p.numel() for p in trainable) == published.adapter
    channels, *rest = base.latent_shape()
    latent = torch.empty(1, channels, *rest, device="meta")
    batch = TrainingBatch(
        moments=torch.cat([latent, latent], dim=1),
        embeddings=torch.empty(1, *base.text_shape(), device="meta"),
        noise=latent,
        posterior_noise=latent,
        positions=torch.empty(1, device="meta"),
    )
    loss = base.training_loss(denoiser, batch)
    assert (loss.shape, loss.dtype) == ((1,), torch.float32)
    loss.mean().backward()
    assert all(p.grad is not None for p in trainable)


def test_vaes_and_text_encoders_have_their_published_sizes() -> None:
    """Wan-VAE: 127 M (arXiv:2503.20314); encoders of T5 v1.1 xxl and UMT5 xxl by their configs."""
    assert round(_count(_on_meta(diffusers, "AutoencoderKLWan", {})) / 1e6) == 127
    xxl = {
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
    }
    counts = {}
    for name, words in (("T5", 32_128), ("UMT5", 256_384)):
        config = getattr(transformers, f"{name}Config")(vocab_size=words, **xxl)
        counts[name] = _count(_on_meta(transformers, f"{name}EncoderModel", {"config": config}))
    assert counts == {"T5": 4_762_310_656, "UMT5": 5_680_910_336}
