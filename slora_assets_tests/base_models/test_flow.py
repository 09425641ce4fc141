"""Wan's and LTX-Video's loss and timesteps against their papers and diffusers' own code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.flow import path_and_velocity, shifted_logit_normal
from slora_assets.base_models.ltx import LtxVideo, text_mask
from slora_assets.base_models.seam import TrainingBatch, VideoBase
from slora_assets_tests.base_models.conftest import PROMPTS, made_up_batch
from slora_assets_tests.base_models.small import LTX, LTX_0_9_1, WAN, write_base

Opener = Callable[[str], VideoBase]
_POSITIONS = [0.1, 0.5, 0.9]


def _noise_levels(positions: Sequence[float], shift: float) -> torch.Tensor:
    """SD3 (arXiv:2403.03206): logit-normal t, then `shift * t / (1 + (shift - 1) * t)`."""
    t = [torch.sigmoid(torch.tensor(NormalDist().inv_cdf(u))) for u in positions]
    return torch.stack([shift * x / (1 + (shift - 1) * x) for x in t])


def _sample(batch: TrainingBatch) -> torch.Tensor:
    mean, log_variance = batch.moments.chunk(2, dim=1)
    return mean + torch.exp(0.5 * log_variance) * batch.posterior_noise


def test_wan_s_loss_is_the_squared_error_of_the_velocity(small_base: Opener) -> None:
    """arXiv:2503.20314: x_t = t * noise + (1 - t) * clip, velocity noise - clip, t logit-normal;
    shift 3 is the checkpoint's `flow_shift`."""
    base = small_base(WAN)
    transformer, vae = base.load_transformer("cpu", "float32"), base.load_vae("cpu")
    batch = made_up_batch(base, _POSITIONS)
    mean, std = (
        torch.tensor(value).view(1, 16, 1, 1, 1)
        for value in (vae.config.latents_mean, vae.config.latents_std)
    )
    clean = (_sample(batch) - mean) / std
    sigmas = _noise_levels(_POSITIONS, 3.0)
    at = sigmas.view(-1, 1, 1, 1, 1)
    with torch.no_grad():
        predicted = transformer(
            (1 - at) * clean + at * batch.noise, sigmas * 1000, batch.embeddings
        ).sample
        found = base.training_loss(transformer, batch)
    expected = (predicted - (batch.noise - clean)).pow(2).flatten(1).mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_ltx_s_loss_is_the_squared_error_over_packed_tokens(small_base: Opener) -> None:
    """arXiv:2501.00103; shift and packing are those of diffusers' pipeline."""
    base = small_base(LTX)
    pipeline = base.pipeline("cpu", "float32", text=False)
    vae, transformer = pipeline.vae, pipeline.transformer
    batch = made_up_batch(base, _POSITIONS)
    clean = pipeline._normalize_latents(
        _sample(batch), vae.latents_mean, vae.latents_std, vae.config.scaling_factor
    )
    _, frames, height, width = base.latent_shape()
    mu = calculate_shift(frames * height * width, 1024, 4096, 0.95, 2.05)
    sigmas = _noise_levels(_POSITIONS, float(np.exp(mu)))
    clean, noise = pipeline._pack_latents(clean), pipeline._pack_latents(batch.noise)
    at = sigmas.view(-1, 1, 1)
    length = base.text_shape()[0]
    mask = (torch.arange(length) < length // 2).expand(3, -1)
    with torch.no_grad():
        predicted = transformer(
            (1 - at) * clean + at * noise,
            batch.embeddings,
            sigmas * 1000,
            mask,
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(8 / 24, 32, 32),
        ).sample
        found = base.training_loss(transformer, batch)
    expected = (predicted - (noise - clean)).pow(2).flatten(1).mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("tokens", [256, 1024, 7392])
def test_noise_levels_are_shifted_as_the_schedulers_shift_them(tokens: int) -> None:
    t = torch.linspace(0.05, 0.95, 19)
    positions = torch.special.ndtr(torch.logit(t))
    mu = calculate_shift(tokens, 1024, 4096, 0.95, 2.05)
    dynamic = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    torch.testing.assert_close(
        shifted_logit_normal(positions, mu), dynamic.time_shift(mu, 1.0, t), rtol=1e-4, atol=0
    )
    fixed = FlowMatchEulerDiscreteScheduler(shift=3.0)
    at = [round(1000 * (1 - float(x))) for x in t]
    torch.testing.assert_close(
        shifted_logit_normal(positions, float(np.log(3))), fixed.sigmas[at], rtol=1e-4, atol=0
    )


def test_noise_levels_stay_inside_at_the_ends() -> None:
    levels = shifted_logit_normal(torch.tensor([0.0, 1.0]), 2.0)
    assert 0 < float(levels[0]) < 0.5 < float(levels[1]) < 1


@pytest.mark.parametrize(
    "scheduler",
    [
        FlowMatchEulerDiscreteScheduler(shift=3.0),
        UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    ],
    ids=["euler", "unipc"],
)
def test_one_step_along_the_velocity_leads_from_the_noisy_point_to_the_clip(
    scheduler: FlowMatchEulerDiscreteScheduler | UniPCMultistepScheduler,
) -> None:
    """Signs and times are the sampler's: its one step with the true velocity ends at the clip."""
    clean, noise = torch.randn(2, 1, 4, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    scheduler.set_timesteps(1)
    sigma = scheduler.sigmas[:1]
    torch.testing.assert_close(scheduler.timesteps.float(), sigma * 1000, rtol=2e-3, atol=1)
    noisy, velocity = path_and_velocity(clean, noise, sigma)
    reached = scheduler.step(velocity, scheduler.timesteps[0], noisy, return_dict=False)[0]
    torch.testing.assert_close(reached, clean, rtol=1e-4, atol=1e-4)


def test_ltx_s_mask_is_read_off_the_embedding_and_hides_the_padding(small_base: Opener) -> None:
    base = small_base(LTX)
    encoder = base.load_text_encoder("cpu")
    embeddings = torch.from_numpy(base.encode_text(encoder, PROMPTS))
    tokens = encoder.tokenizer(
        list(PROMPTS),
        padding="max_length",
        max_length=base.text_shape()[0],
        return_tensors="pt",
    )
    assert torch.equal(text_mask(embeddings), tokens.attention_mask.bool())
    with torch.no_grad():
        raw = encoder.text_encoder(tokens.input_ids)[0]
    at = tokens.attention_mask.bool()
    torch.testing.assert_close(embeddings[at].float(), raw[at], rtol=1e-3, atol=1e-3)


def test_wan_s_prompts_are_encoded_with_their_mask_and_zeros_behind(small_base: Opener) -> None:
    base = small_base(WAN)
    encoder = base.load_text_encoder("cpu")
    embeddings = torch.from_numpy(base.encode_text(encoder, PROMPTS)).float()
    for prompt, found in zip(PROMPTS, embeddings, strict=True):
        ids = encoder.tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            alone = encoder.text_encoder(ids)[0][0]
        torch.testing.assert_close(found[: len(alone)], alone, rtol=2e-3, atol=2e-3)
        assert not found[len(alone) :].any()


def test_wan_follows_the_shift_of_the_folder_s_scheduler(
    small_base: Opener, tmp_path: Path
) -> None:
    other = open_base(str(write_base(WAN, tmp_path / WAN, flow_shift=8.0)), tmp_path)
    batch = made_up_batch(other, [0.5])
    transformer = other.load_transformer("cpu", "float32")
    with torch.no_grad():
        here, there = (b.training_loss(transformer, batch) for b in (small_base(WAN), other))
    assert not torch.allclose(here, there, rtol=1e-3)


def test_ltx_without_dynamic_shifting_takes_the_fixed_shift(tmp_path: Path) -> None:
    folder = write_base(LTX, tmp_path / LTX, use_dynamic_shifting=False, shift=2.0)
    base = open_base(str(folder), tmp_path)
    assert isinstance(base, LtxVideo)
    assert base._log_shift((1, 8, 21, 16, 22)) == pytest.approx(np.log(2))


def test_ltx_with_a_vae_that_denoises_while_it_decodes_makes_clips(small_base: Opener) -> None:
    base = small_base(LTX_0_9_1)
    text = np.ones(base.text_shape(), np.float16)
    (clip,) = base.generate_many(
        base.pipeline("cpu", "float32", text=False),
        embeddings=[text],
        empty_embedding=text,
        seeds=[1],
        steps=2,
        guidance_scale=3.0,
    )
    g = base.geometry
    assert clip.shape == (g.frames, g.height, g.width, 3)
    assert clip.std() > 0
