"""Pretraining stage `clip`: pictures and sentences of rendered footage, matched by contrast.

It sees generic clips and the sample footage's places, always drawn from seeds of its own; never a
generated picture.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import open_clip
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slora_assets.miniature.pretraining.settings import PretrainSettings
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.captions import clip_captions
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip
from slora_assets.miniature.weights import architecture
from slora_assets.miniature.weights.build import scorer_config
from slora_assets.miniature.weights.tokens import tokenizer

_AMONG: Final = 50
_ROUNDS: Final = 6
_CLIP_S: Final = (architecture.FRAMES - 1) / architecture.FPS


class ClipStage:
    """Symmetric cross-entropy over a batch of pictures and their sentences."""

    def __init__(self, settings: PretrainSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed + 2)
        self._all = settings
        self._settings = settings.clip
        self._device = device
        self._footage = GenericSettings(**self._settings.footage.model_dump())
        self._words = tokenizer()
        self._model = open_clip.CLIP(**scorer_config(len(self._words))).to(device)

    def module(self) -> nn.Module:
        """The scorer."""
        return self._model  # type: ignore[no-any-return]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Contrastive loss of this step's pictures."""
        rng = np.random.default_rng([self._all.seed, 8, step])
        pictures, sentences = [], []
        for number in range(self._settings.batch):
            index = step * self._settings.batch + number
            frames, captions = self._example(self._all.seed, index, float(rng.uniform(0, _CLIP_S)))
            pictures.append(self._augmented(rng, frames[0]))
            sentences.append(captions[int(rng.integers(len(captions)))])
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._settings.brain_float):
            seen = self._model.encode_image(self._tensor(pictures), normalize=True)
            read = self._model.encode_text(self._ids(sentences), normalize=True)
        scale = self._model.logit_scale.clamp(max=math.log(100)).exp()
        logits = scale * seen.float() @ read.float().T
        right = torch.arange(len(logits), device=self._device)
        loss = (
            functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)
        ) / 2
        hits = (logits.argmax(1) == right).float().mean().item()
        return loss, {"batch_hits": hits}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Share of held-out clips whose own caption wins among 50; the clip is three pictures."""
        self._model.eval()
        hits = []
        for turn in range(_ROUNDS):
            seen, sentences = [], []
            for number in range(turn * _AMONG, (turn + 1) * _AMONG):
                frames, captions = self._example(
                    self._all.held_out_seed, number, 0.0, _CLIP_S / 2, _CLIP_S
                )
                pictures = self._model.encode_image(self._tensor(list(frames)), normalize=True)
                seen.append(functional.normalize(pictures.mean(0), dim=0))
                sentences.append(captions[0])
            read = self._model.encode_text(self._ids(sentences), normalize=True)
            best = (torch.stack(seen) @ read.T).argmax(1).cpu()
            hits.append((best == torch.arange(_AMONG)).float().mean().item())
        self._model.train()
        return {"held_out_recall_at_1_of_50": float(np.mean(hits))}

    def _example(self, seed: int, index: int, *times_s: float) -> tuple[Pixels, list[str]]:
        """Pictures at some times of clip `index`, and its captions."""
        rng = np.random.default_rng([seed, 9, index])
        if rng.random() < self._settings.placed:
            # Scenarios three times as often as each other place, as in the sample footage.
            places = [*LOOKS, *LOOKS, *LOOKS, *OTHER_LOOKS]
            plan = plan_clip(seed, index, places[int(rng.integers(len(places)))], source=index)
            return small_frames(plan, seed, times_s), list(plan.captions)
        clip = generic_clip(seed, index, self._footage)
        numbers = [round(time_s * architecture.FPS) for time_s in times_s]
        return clip.frames[numbers], clip_captions(seed, index, clip.actors, clip.surroundings)

    def _augmented(self, rng: np.random.Generator, picture: Pixels) -> Pixels:
        if rng.random() > self._settings.blurred:
            return picture
        soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.4))).astype(np.float64)
        soft = soft * rng.uniform(0.9, 1.1) + rng.normal(0, rng.uniform(0, 8), soft.shape)
        softened: Pixels = np.clip(soft, 0, 255).astype(np.uint8)
        return softened

    def _tensor(self, pictures: list[Pixels]) -> Tensor:
        stacked = torch.from_numpy(np.stack(pictures)).float().permute(0, 3, 1, 2) / 255
        mean, spread = (architecture.SCORER_PREPROCESS[key][0] for key in ("mean", "std"))
        normalised: Tensor = (stacked - mean) / spread
        return normalised.to(self._device)

    def _ids(self, sentences: list[str]) -> Tensor:
        ids: Tensor = self._words(
            sentences,
            padding="max_length",
            max_length=architecture.TEXT_LENGTH,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return ids.to(self._device)
