"""Clips sampled from fixed prompts and seeds, each with its scores."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import StepCallback, VideoBase
from slora_assets.config.training import EpochValidationSettings
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import FootageClip
from slora_assets.footage.encode import write_mp4
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal

UNTRAINED = "base and scorer are not fully trained: the scores say nothing about quality"


class Embeddings(Protocol):
    """Where embeddings of prompts come from; the text encoder need not be in memory."""

    def __call__(self, prompt: str) -> NDArray[np.float16]: ...


@dataclass(frozen=True)
class Drawing:
    """How clips are drawn; enough where nobody scores them."""

    base: VideoBase
    embeddings: Embeddings
    steps: int
    guidance_scale: float

    def clips(
        self,
        pipeline: Pipeline,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        on_step: StepCallback | None = None,
    ) -> list[NDArray[np.uint8]]:
        """A clip [T, H, W, 3] for each prompt with each seed, prompt by prompt."""
        return self.base.generate_many(
            pipeline,
            embeddings=[self.embeddings(prompt.text) for prompt in prompts for _ in seeds],
            empty_embedding=self.embeddings(""),
            seeds=[seed for _ in prompts for seed in seeds],
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            on_step=on_step,
        )


@dataclass(frozen=True)
class Sampler(Drawing):
    """Everything that stays the same between the two sides of a comparison."""

    scorer: ClipScorer
    motion_references: Mapping[str, float | None]
    """Scenario to the speed that counts as enough: its footage's, through the base's VAE."""
    contrasts: Mapping[str, Sequence[str]]
    """Scenario to prompts of others, which its clips should show less than their own."""

    def temporal(self, scenario: str, frames: NDArray[np.uint8]) -> TemporalScore:
        """How steady a clip of a scenario is, held against its footage."""
        reference = self.motion_references.get(scenario)
        return measure_temporal(frames, self.base.geometry.fps, reference)

    def likeness(self, prompt: Prompt, frames: NDArray[np.uint8]) -> tuple[float, float | None]:
        """How well a clip shows its prompt, and by how much better than others' prompts."""
        others = self.contrasts.get(prompt.scenario, ())
        own, *other = self.scorer.scores(frames, [prompt.text, *others])
        return own, own - fmean(other) if other else None

    def trusted(self) -> tuple[bool, str | None]:
        """May a verdict rest on the scores, and why not."""
        trained = {
            "base": self.base.identity().trained,
            "scorer": self.scorer.identity.trained,
        }
        random = [name for name, is_trained in trained.items() if not is_trained]
        if not random:
            return True, None
        return False, UNTRAINED if len(random) == 2 else f"the {random[0]} is not fully trained"


@dataclass(frozen=True)
class Sample:
    """One generated clip, [T, H, W, 3], and what was measured on it."""

    prompt: Prompt
    seed: int
    frames: NDArray[np.uint8]
    temporal: TemporalScore
    clip_similarity: float
    scenario_margin: float | None
    """By how much it shows its prompt better than other scenarios' prompts, on average."""

    def metrics(self) -> dict[str, float | None]:
        """The metrics a gate may guard; null where they can't be measured."""
        return clip_metrics(self.temporal, self.clip_similarity, self.scenario_margin)


def new_drawing(
    base: VideoBase, validation: EpochValidationSettings, embeddings: Embeddings
) -> Drawing:
    """As the recipe says, and where it says nothing, as the base is sampled by default."""
    guidance = validation.guidance_scale
    return Drawing(
        base=base,
        embeddings=embeddings,
        steps=validation.steps or base.inference.steps,
        guidance_scale=base.inference.guidance_scale if guidance is None else guidance,
    )


def clip_metrics(
    temporal: TemporalScore, clip_similarity: float, scenario_margin: float | None
) -> dict[str, float | None]:
    """The metrics of a clip by the names that a gate's settings know."""
    return {
        "temporal_consistency": temporal.temporal_consistency,
        "steadiness": None if temporal.frozen else temporal.mc_consistency,
        "motion_speed": temporal.motion_speed,
        "motion_jitter": None if temporal.frozen else temporal.motion_jitter,
        "moving_share": temporal.moving_share,
        "clip_similarity": clip_similarity,
        "scenario_margin": scenario_margin,
    }


def new_sampler(
    drawing: Drawing,
    scorer: ClipScorer,
    footage: Mapping[str, Sequence[FootageClip]],
    contrasts: Mapping[str, Sequence[str]],
) -> Sampler:
    """A sampler whose yardstick of motion is the footage."""
    return Sampler(
        **vars(drawing),
        scorer=scorer,
        motion_references={name: motion_reference(clips) for name, clips in footage.items()},
        contrasts=contrasts,
    )


def motion_reference(footage: Sequence[FootageClip]) -> float | None:
    """Mean speed of footage, in shorter sides per second; None without any that moves."""
    speeds = [clip.scores["motion_speed"] for clip in footage]
    known = [speed for speed in speeds if speed is not None]
    return fmean(known) or None if known else None


def sample_prompts(
    sampler: Sampler,
    pipeline: Pipeline,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    on_step: StepCallback | None = None,
) -> list[Sample]:
    """Generate and score each prompt with each seed, with the adapter `pipeline` has active."""
    asked = [(prompt, seed) for prompt in prompts for seed in seeds]
    clips = sampler.clips(pipeline, prompts, seeds, on_step)

    scenarios = [prompt.scenario for prompt, _ in asked]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scores = list(pool.map(sampler.temporal, scenarios, clips))
    return [
        Sample(prompt, seed, frames, score, *sampler.likeness(prompt, frames))
        for (prompt, seed), frames, score in zip(asked, clips, scores, strict=True)
    ]


def save_samples(folder: Path, samples: Sequence[Sample], fps: float) -> None:
    """Write `<prompt>_<seed>.mp4` for each sample."""
    for sample in samples:
        write_mp4(folder / f"{sample.prompt.id}_{sample.seed}.mp4", sample.frames, fps)


def mean_metrics(each: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means over clips that have a value, of every metric."""
    names = dict.fromkeys(name for metrics in each for name in metrics)
    found = {name: [v for m in each if (v := m.get(name)) is not None] for name in names}
    return {
        name: fmean(v for v in values if v is not None) if values else None
        for name, values in found.items()
    }


def mean_scores(samples: Sequence[Sample]) -> dict[str, float | int | None]:
    """Means over samples, of each metric over those that have it."""
    return {
        **mean_metrics([sample.metrics() for sample in samples]),
        "frozen_samples": sum(sample.temporal.frozen for sample in samples),
        "samples": len(samples),
    }
