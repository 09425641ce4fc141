"""Small bases with random weights, each of its real architecture, in diffusers' own layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slora_assets.base_models.parts import Denoiser
from slora_assets.base_models.seam import LoraShape, VideoBase
from slora_assets.provenance import sha256_file

COGVIDEOX, COGVIDEOX_5B, COGVIDEOX_1_5, WAN, LTX, LTX_0_9_1 = (
    "cogvideox_2b",
    "cogvideox_5b",
    "cogvideox_1_5_5b",
    "wan",
    "ltx",
    "ltx_0_9_1",
)
KINDS = (COGVIDEOX, COGVIDEOX_5B, COGVIDEOX_1_5, WAN, LTX)

TEXT_LENGTH, TEXT_WIDTH = 12, 32
_GEOMETRY = {"frames": 9, "height": 32, "width": 48, "fps": 8}
_LTX_GEOMETRY = {"frames": 17, "height": 64, "width": 96, "fps": 24}

_SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
}


def acting_adapter(
    base: VideoBase, shape: LoraShape, seed: int, dtype: str = "float32", size: float = 1.0
) -> Denoiser:
    """A denoiser with an adapter that isn't trained and yet acts, as strongly as `size` says."""
    import torch

    transformer = base.load_transformer("cpu", dtype)
    base.add_adapter(transformer, shape, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)
    return transformer


def write_base(kind: str, folder: Path, **scheduler: Any) -> Path:
    """Write a base of `kind` into `folder`, with the scheduler's settings changed as given."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == WAN:
            pipeline = _wan()
        elif kind in (LTX, LTX_0_9_1):
            # From 0.9.1 on the VAE denoises a little while it decodes.
            pipeline = _ltx(timestep_conditioning=kind == LTX_0_9_1)
        else:
            pipeline = _cogvideox(kind)
    if scheduler:
        settings = dict(pipeline.scheduler.config) | scheduler
        settings.pop("_use_default_values", None)
        pipeline.scheduler = type(pipeline.scheduler).from_config(settings)
    for part in (pipeline.vae, pipeline.transformer, pipeline.text_encoder):
        part.eval()
    pipeline.save_pretrained(folder, safe_serialization=True)
    write_card(folder, kind)
    return folder


def write_card(folder: Path, kind: str) -> None:
    """Write `slora.json`, which says that the clips are small."""
    inference = {"steps": 2, "guidance_scale": 3.0, "max_sequence_length": TEXT_LENGTH}
    card = {
        "name": f"small-{kind}",
        "revision": "random-0",
        "licence": "Apache-2.0",
        "trained": False,
        "geometry": _LTX_GEOMETRY if kind.startswith(LTX) else _GEOMETRY,
        "inference": inference,
        "weights": {
            file.relative_to(folder).as_posix(): sha256_file(file)
            for file in sorted(folder.rglob("*.safetensors"))
        },
    }
    (folder / "slora.json").write_text(json.dumps(card))


def _text(encoder: str) -> dict[str, Any]:
    """A tokenizer and an encoder of transformers' class `encoder`."""
    import transformers

    from slora_assets.miniature.weights.tokens import tokenizer

    words = tokenizer()
    config = getattr(transformers, f"{encoder}Config")(
        vocab_size=len(words),
        d_model=TEXT_WIDTH,
        d_kv=8,
        d_ff=48,
        num_layers=1,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=0,
        eos_token_id=1,
    )
    return {
        "tokenizer": words,
        "text_encoder": getattr(transformers, f"{encoder}EncoderModel")(config).eval(),
    }


def _cogvideox(kind: str) -> Any:
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )

    sizes: dict[str, Any] = {"sample_height": 4, "sample_width": 6, "sample_frames": 9}
    if kind == COGVIDEOX_5B:  # another aspect ratio than the clip's, so that fitting shows
        sizes = {"sample_height": 10, "sample_width": 8, "use_rotary_positional_embeddings": True}
    if kind == COGVIDEOX_1_5:
        sizes = {
            "sample_height": 300,
            "sample_width": 300,
            "patch_size_t": 2,
            "patch_bias": False,
            "use_rotary_positional_embeddings": True,
        }
    return CogVideoXPipeline(
        **_text("T5"),
        vae=AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            latent_channels=16,
            norm_num_groups=2,
            temporal_compression_ratio=4,
            sample_height=32,
            sample_width=48,
            scaling_factor=0.7,
        ),
        transformer=CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=2,
            time_embed_dim=16,
            text_embed_dim=TEXT_WIDTH,
            max_text_seq_length=TEXT_LENGTH,
            **sizes,
        ),
        scheduler=CogVideoXDDIMScheduler(snr_shift_scale=1.0, **_SCHEDULER),
    )


def _wan() -> Any:
    from diffusers import (
        AutoencoderKLWan,
        UniPCMultistepScheduler,
        WanPipeline,
        WanTransformer3DModel,
    )

    return WanPipeline(
        **_text("UMT5"),
        vae=AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        transformer=WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            text_dim=TEXT_WIDTH,
            freq_dim=32,
            ffn_dim=32,
            num_layers=2,
            rope_max_seq_len=32,
        ),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def _ltx(timestep_conditioning: bool) -> Any:
    import torch
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXPipeline,
        LTXVideoTransformer3DModel,
    )

    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        patch_size=4,
        patch_size_t=1,
        timestep_conditioning=timestep_conditioning,
    )
    vae.latents_mean.copy_(torch.linspace(-1, 1, 8))
    vae.latents_std.copy_(torch.linspace(0.5, 2, 8))
    return LTXPipeline(
        **_text("T5"),
        vae=vae,
        transformer=LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=12,
            cross_attention_dim=24,
            num_layers=2,
            caption_channels=TEXT_WIDTH,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True,
            base_shift=0.95,
            max_shift=2.05,
            base_image_seq_len=1024,
            max_image_seq_len=4096,
            shift_terminal=0.1,
        ),
    )
