"""Stages `transformer`, `_2` and `_3`: text encoder and transformer learn to denoise clips."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import (
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import T5Config, T5EncoderModel

from slora_assets.miniature.pretraining.latent_pool import LatentPool
from slora_assets.miniature.pretraining.origin import footage_seed
from slora_assets.miniature.pretraining.settings import (
    TRANSFORMER_STAGES,
    PretrainSettings,
    TransformerSettings,
)
from slora_assets.miniature.rules.pixel_rules import look_at
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.generic_footage import GenericSettings, is_withheld
from slora_assets.miniature.weights import architecture
from slora_assets.miniature.weights.tokens import tokenizer
from slora_assets.miniature.weights.vocabulary import COLOURS, DIRECTIONS, SUBJECTS

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX

_HELD_OUT_BATCHES = 4


class TransformerStage:
    """v-prediction on scaled latents, with some captions emptied for guidance."""

    def __init__(
        self,
        settings: PretrainSettings,
        name: str,
        vae: AutoencoderKLCogVideoX,
        folder: Path,
        device: torch.device,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        """Stage `name` from random weights, or from `start`, those of the stage before."""
        torch.manual_seed(settings.seed + 1)
        self._all = settings
        self._settings: TransformerSettings = getattr(settings, name)
        # A stage that goes on draws other batches and noise than those before.
        before = TRANSFORMER_STAGES[: TRANSFORMER_STAGES.index(name)]
        self._first_draw = sum(getattr(settings, stage).loop.steps for stage in before)
        self._focus = float(getattr(self._settings, "focus", 0.0))
        self._device = device
        self._vae = vae
        self._words = tokenizer()
        footage = GenericSettings(**self._settings.footage.model_dump())
        self._pool = LatentPool.of(
            folder / "latents", vae, footage_seed(settings, name), footage, self._settings.clips
        )
        held_out = self._settings.batch * _HELD_OUT_BATCHES
        self._held_out = LatentPool.of(
            folder / "latents", vae, settings.held_out_seed, footage, held_out
        )
        text = T5EncoderModel(T5Config(vocab_size=len(self._words), **architecture.TEXT_ENCODER))
        transformer = CogVideoXTransformer3DModel(**architecture.TRANSFORMER)
        _start_quietly(transformer)
        self._model = nn.ModuleDict({"text_encoder": text, "transformer": transformer}).to(device)
        if start is not None:
            # The encoder's table stands under two names in the module and under one in files.
            self._model.load_state_dict(start, strict=False)
        self._scheduler = CogVideoXDDIMScheduler(**architecture.SCHEDULER)
        self._keep = self._scheduler.alphas_cumprod.float().to(device)

    def module(self) -> nn.Module:
        """Text encoder and transformer as one module."""
        return self._model

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Denoising loss of this step's clips."""
        step += self._first_draw
        rng = np.random.default_rng([self._all.seed, 6, step])
        rows = rng.integers(0, len(self._pool), self._settings.batch)
        captions = [self._caption(rng, int(row)) for row in rows]
        chosen = torch.from_numpy(rows)
        latents, covered = self._pool.latents[chosen], self._pool.covered[chosen]
        loss = self._denoising_loss(
            latents, captions, step, self._settings.high_noise, self._focus * covered
        )
        return loss, {}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out loss, and the share of sampled prompts that a rule over pixels recognises."""
        size, losses = self._settings.batch, []
        for batch in range(_HELD_OUT_BATCHES):
            rows = range(batch * size, (batch + 1) * size)
            captions = [self._held_out.captions[row][0] for row in rows]
            loss = self._denoising_loss(
                self._held_out.latents[rows.start : rows.stop], captions, batch
            )
            losses.append(loss.item())
        return {"held_out_loss": float(np.mean(losses)), **self._recognised()}

    def _recognised(self) -> dict[str, float]:
        wanted = withheld_prompts(self._all.held_out_seed, self._settings.judged)
        clips = self._sample([sentence(*one) for one in wanted])
        seen = [look_at(clip) for clip in clips]
        got = [(s.subject, s.colour, s.direction) for s in seen]
        hits = [
            [a == b for a, b in zip(one, other, strict=True)]
            for one, other in zip(got, wanted, strict=True)
        ]
        table = np.array(hits, float)
        names = ("subject", "colour", "direction")
        shares = {f"right_{name}": float(table[:, at].mean()) for at, name in enumerate(names)}
        return {**shares, "right_all": float(table.all(axis=1).mean())}

    def _sample(self, captions: list[str]) -> list[Pixels]:
        pipeline = CogVideoXPipeline(
            self._words,
            self._model["text_encoder"],
            self._vae,
            self._model["transformer"],
            self._scheduler,
        )
        pipeline.set_progress_bar_config(disable=True)
        frames: NDArray[np.float32] = pipeline(
            captions,
            num_inference_steps=architecture.STEPS,
            guidance_scale=architecture.GUIDANCE_SCALE,
            max_sequence_length=architecture.TEXT_LENGTH,
            generator=torch.Generator().manual_seed(self._all.held_out_seed),
            output_type="np",
        ).frames
        return [np.rint(clip * 255).astype(np.uint8) for clip in frames]

    def _caption(self, rng: np.random.Generator, row: int) -> str:
        if rng.random() < self._settings.empty_captions:
            return ""
        captions = self._pool.captions[row]
        return captions[int(rng.integers(len(captions)))]

    def _denoising_loss(
        self,
        latents: Tensor,
        captions: list[str],
        seed: int,
        high_noise: float = 0.0,
        focus: Tensor | None = None,
    ) -> Tensor:
        """Mean squared error of the predicted velocity; latents [B, C, F, H, W], unscaled.

        `focus` [B, F, H, W] is how much more errors count where subjects are, at no noise.
        """
        generator = torch.Generator(self._device).manual_seed(seed)
        clean = latents.to(self._device).float().transpose(1, 2) * self._vae.config.scaling_factor
        noise = torch.randn(clean.shape, generator=generator, device=self._device)
        drawn = torch.rand(len(clean), generator=generator, device=self._device)
        positions = drawn.pow(1 / (1 + high_noise)) * len(self._keep)
        steps = positions.long().clamp(max=len(self._keep) - 1)
        kept = self._keep[steps][:, None, None, None, None]
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * clean
        ids = self._words(
            captions,
            padding="max_length",
            max_length=architecture.TEXT_LENGTH,
            truncation=True,
            return_tensors="pt",
        ).input_ids.to(self._device)
        # The CPU's fused attention is slow backwards: a third of a step on such short sequences.
        kernel = SDPBackend.MATH if self._device.type == "cpu" else SDPBackend.FLASH_ATTENTION
        with (
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._settings.brain_float),
            sdpa_kernel([kernel, SDPBackend.MATH]),
        ):
            text = self._model["text_encoder"](ids)[0]
            predicted = self._model["transformer"](noisy, text, steps, return_dict=False)[0]
        error: Tensor = (predicted.float() - velocity).square()
        if focus is not None:
            error = error * (1 + kept * focus.to(self._device).float()[:, :, None])
        return error.mean()


def withheld_prompts(seed: int, count: int) -> list[tuple[str, str, str]]:
    """(subject, colour, direction) of prompts that pretraining never showed, over and over."""
    rng = np.random.default_rng([seed, 7])
    every = [one for one in product(SUBJECTS, COLOURS, DIRECTIONS) if is_withheld(*one)]
    order = [at for _ in range(-(-count // len(every))) for at in rng.permutation(len(every))]
    return [every[int(at)] for at in order[:count]]


def sentence(subject: str, colour: str, direction: str) -> str:
    way = f"to the {direction}" if direction in ("left", "right") else direction
    return f"a {colour} {subject} moves {way}"


@torch.no_grad()
def _start_quietly(transformer: CogVideoXTransformer3DModel) -> None:
    """Zero the gates' modulation and the output, so that every block starts as the identity."""
    for block in transformer.transformer_blocks:
        for norm in (block.norm1, block.norm2):
            norm.linear.weight.zero_()
            norm.linear.bias.zero_()
    transformer.norm_out.linear.weight.zero_()
    transformer.norm_out.linear.bias.zero_()
    transformer.proj_out.weight.zero_()
    transformer.proj_out.bias.zero_()
