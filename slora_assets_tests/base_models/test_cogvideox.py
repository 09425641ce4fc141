"""CogVideoX's loss, position tables and frame padding against diffusers' own code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from slora_assets.base_models.cogvideox import CogVideoX
from slora_assets.base_models.rotary import RotaryGrid, rotary_tables
from slora_assets.base_models.seam import VideoBase
from slora_assets_tests.base_models.conftest import made_up_batch
from slora_assets_tests.base_models.small import COGVIDEOX, COGVIDEOX_1_5, COGVIDEOX_5B

Opener = Callable[[str], VideoBase]


@pytest.mark.parametrize("kind", [COGVIDEOX, COGVIDEOX_5B, COGVIDEOX_1_5])
def test_the_loss_is_the_weighted_x0_loss_of_diffusers_example(
    small_base: Opener, kind: str
) -> None:
    """huggingface/diffusers `examples/cogvideo/train_cogvideox_lora.py`, with the position tables
    of the pipeline."""
    base = small_base(kind)
    pipeline = base.pipeline("cpu", "float32", text=False)
    transformer, scheduler, g = pipeline.transformer, pipeline.scheduler, base.geometry
    batch = made_up_batch(base, [0.1, 0.5, 0.9])
    mean, log_variance = batch.moments.chunk(2, dim=1)
    latents = (mean + torch.exp(0.5 * log_variance) * batch.posterior_noise) * 0.7
    clean, noise = latents.permute(0, 2, 1, 3, 4), batch.noise.permute(0, 2, 1, 3, 4)
    timesteps = torch.tensor([100, 500, 900])
    noisy = scheduler.add_noise(clean, noise, timesteps)
    rotary = None
    if kind != COGVIDEOX:
        rotary = pipeline._prepare_rotary_positional_embeddings(
            g.height, g.width, clean.shape[1], torch.device("cpu")
        )
    with torch.no_grad():
        output = transformer(
            hidden_states=noisy,
            encoder_hidden_states=batch.embeddings,
            timestep=timesteps,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
        found = base.training_loss(transformer, batch)
    x0 = scheduler.get_velocity(output, noisy, timesteps)
    weights = 1 / (1 - scheduler.alphas_cumprod[timesteps].float())
    expected = weights * (x0 - clean).pow(2).mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("kind", [COGVIDEOX_5B, COGVIDEOX_1_5])
@pytest.mark.parametrize(("height", "width", "frames"), [(32, 48, 4), (480, 720, 2), (64, 32, 6)])
def test_position_tables_are_the_pipeline_s(
    small_base: Opener, kind: str, height: int, width: int, frames: int
) -> None:
    base = small_base(kind)
    assert isinstance(base, CogVideoX)
    pipeline = base.pipeline("cpu", "float32", text=False)
    expected = pipeline._prepare_rotary_positional_embeddings(
        height, width, frames, torch.device("cpu")
    )
    found = base.rotary(torch.empty(1, frames, 16, height // 8, width // 8))
    assert found is not None
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_at_the_published_size_every_position_of_the_base_grid_is_used_once() -> None:
    """5b at 49x480x720: 13 x 30 x 45 tokens, and the tables of a smaller 1.5 clip are part of a
    larger one's."""
    cosines, _ = rotary_tables(RotaryGrid(64, 2, None, 60, 90), 13, 60, 90, "cpu")
    assert cosines.shape == (13 * 30 * 45, 64)
    assert len(torch.unique(cosines, dim=0)) == len(cosines)
    grid = RotaryGrid(64, 2, 2, 300, 300)
    large, small = (rotary_tables(grid, f, h, w, "cpu")[0] for f, h, w in ((4, 12, 8), (2, 4, 6)))
    part = large.reshape(2, 6, 4, 64)[:1, :2, :3].reshape(-1, 64)
    assert torch.equal(small, part)


def test_2b_gets_no_tables(small_base: Opener) -> None:
    base = small_base(COGVIDEOX)
    assert isinstance(base, CogVideoX)
    assert base.rotary(torch.empty(1, 3, 16, 4, 6)) is None


def test_1_5_fills_its_temporal_patch_where_the_pipeline_cuts_it_off(small_base: Opener) -> None:
    """The pipeline samples with the missing frames in front and drops `latents[:, :missing]`."""
    base = small_base(COGVIDEOX_1_5)
    g, vae = base.geometry, base.load_vae("cpu")
    frames = np.random.default_rng(0).integers(
        0, 256, (g.frames, g.height, g.width, 3), dtype=np.uint8
    )
    moments = base.encode_video(vae, frames)
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 127.5 - 1
    with torch.no_grad():
        own = vae.encode(pixels).latent_dist.parameters[0].half().numpy()
    assert own.shape[1] == 3
    assert np.array_equal(moments[:, 1:], own)
    assert np.array_equal(moments[:, 0], own[:, 0])

    pipeline = base.pipeline("cpu", "float32", text=False)
    text = torch.zeros(1, *base.text_shape())
    latents = pipeline(
        prompt_embeds=text,
        negative_prompt_embeds=text,
        height=g.height,
        width=g.width,
        num_frames=g.frames,
        num_inference_steps=1,
        output_type="latent",
        max_sequence_length=base.text_shape()[0],
    ).frames
    assert latents.transpose(1, 2).shape[1:] == base.latent_shape()
