"""Sizes of the miniature's networks, in the words of the classes that they configure.

CogVideoX's and open_clip's own classes with small numbers; changing any of these makes shipped
weights unloadable and belongs to a new pretraining.
"""

from __future__ import annotations

from typing import Any, Final

FRAMES: Final = 9
HEIGHT: Final = 64
WIDTH: Final = 96
FPS: Final = 8
TEXT_LENGTH: Final = 32
"""Tokens a prompt is padded to; `max_sequence_length` of the pipeline call must say the same."""
STEPS: Final = 12
GUIDANCE_SCALE: Final = 4.0
LATENT_CHANNELS: Final = 16
SPATIAL_RATIO: Final = 8
TEMPORAL_RATIO: Final = 4
_TEXT_WIDTH: Final = 192

VAE: Final[dict[str, Any]] = {
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "block_out_channels": (16, 32, 48, 64),
    "layers_per_block": 1,
    "latent_channels": LATENT_CHANNELS,
    # With few channels a group, GroupNorm removes the absolute level, which is what carries colour.
    "norm_num_groups": 1,
    "temporal_compression_ratio": TEMPORAL_RATIO,
    "sample_height": HEIGHT,
    "sample_width": WIDTH,
}

TRANSFORMER: Final[dict[str, Any]] = {
    "num_attention_heads": 6,
    "attention_head_dim": 32,
    "num_layers": 8,
    "time_embed_dim": 128,
    "text_embed_dim": _TEXT_WIDTH,
    "max_text_seq_length": TEXT_LENGTH,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    # CogVideoX-2b's own. In trials of equal time 1 was level with it, at steps twice as long that
    # every adapter's training and every sample would have to pay as well.
    "patch_size": 2,
    "sample_frames": FRAMES,
    "sample_height": HEIGHT // SPATIAL_RATIO,
    "sample_width": WIDTH // SPATIAL_RATIO,
    "temporal_compression_ratio": TEMPORAL_RATIO,
    "spatial_interpolation_scale": 1.0,
    "temporal_interpolation_scale": 1.0,
    "use_rotary_positional_embeddings": False,
}

TEXT_ENCODER: Final[dict[str, Any]] = {
    "d_model": _TEXT_WIDTH,
    "d_kv": 32,
    "d_ff": 384,
    "num_layers": 2,
    "num_heads": 6,
    "dropout_rate": 0.0,
    "feed_forward_proj": "gated-gelu",
    "relative_attention_num_buckets": 32,
    "pad_token_id": 0,
    "eos_token_id": 1,
}

SCHEDULER: Final[dict[str, Any]] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    # CogVideoX-2b shifts by 3 because 17,550 latent positions repeat each other and so survive much
    # noise; here 288 positions carry the whole clip, and a shift would leave too few steps to them.
    "snr_shift_scale": 1.0,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
}

SCORER: Final[dict[str, Any]] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": [HEIGHT, WIDTH],
        "patch_size": 8,
        "width": 128,
        "layers": 5,
        "head_width": 32,
    },
    "text_cfg": {
        "context_length": TEXT_LENGTH,
        "hf_tokenizer_name": "local",
        "pool_type": "eos",
        "eos_id": 1,
        "pad_id": 0,
        "width": 128,
        "heads": 4,
        "layers": 2,
    },
}

SCORER_PREPROCESS: Final[dict[str, Any]] = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
