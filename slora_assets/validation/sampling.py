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
from slora_assets.config.errors import FootageError
from slora_assets.config.training import EpochValidationSettings
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import Clip
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.encode import write_mp4
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.temporal_consistency import (
    TemporalScore,
    measure_motion,
    measure_temporal,
)

UNTRAINED = "base and scorer are not fully trained: the scores say nothing about quality"
_REFERENCE_CLIPS = 8


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
    """Scenario to the motion that counts as enough."""

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

    def metrics(self) -> dict[str, float | None]:
        """The metrics a gate may guard; null where the clip is frozen."""
        return {
            "temporal_consistency": self.temporal.temporal_consistency,
            "clip_similarity": self.clip_similarity,
            "motion_score": self.temporal.motion_score,
        }


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


def new_sampler(
    drawing: Drawing, scorer: ClipScorer, train_clips: Sequence[Clip], root: Path
) -> Sampler:
    """A sampler whose yardstick of motion are the clips that were trained on (paths in them are
    relative to `root`)."""
    by_scenario: dict[str, list[Clip]] = {}
    for clip in train_clips:
        by_scenario.setdefault(clip.scenario, []).append(clip)
    return Sampler(
        **vars(drawing),
        scorer=scorer,
        motion_references={
            scenario: motion_reference([(root / c.path, c.start_s) for c in clips], drawing.base)
            for scenario, clips in by_scenario.items()
        },
    )


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

    def temporal(item: tuple[tuple[Prompt, int], NDArray[np.uint8]]) -> TemporalScore:
        (prompt, _), frames = item
        reference = sampler.motion_references.get(prompt.scenario)
        return measure_temporal(frames, sampler.base.geometry.fps, reference)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scores = list(pool.map(temporal, zip(asked, clips, strict=True)))
    return [
        Sample(prompt, seed, frames, score, sampler.scorer.score(frames, prompt.text))
        for (prompt, seed), frames, score in zip(asked, clips, scores, strict=True)
    ]


def save_samples(folder: Path, samples: Sequence[Sample], fps: float) -> None:
    """Write `<prompt>_<seed>.mp4` for each sample."""
    for sample in samples:
        write_mp4(folder / f"{sample.prompt.id}_{sample.seed}.mp4", sample.frames, fps)


def motion_reference(clips: Sequence[tuple[Path, float]], base: VideoBase) -> float | None:
    """The motion that counts as enough: 25th percentile over training clips (file and second
    of start) at the base's geometry (at most 8, in the given order).

    None when none can be decoded.
    """

    def motion(clip: tuple[Path, float]) -> float | None:
        video, start_s = clip
        try:
            frames = decode_clip(video, **base.geometry.model_dump(), start_s=start_s)
        except FootageError:
            return None  # the caching stages have quarantined it already
        return measure_motion(frames, base.geometry.fps)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(motion, clips[:_REFERENCE_CLIPS])
        scores = [score for score in found if score is not None]
    return float(np.percentile(scores, 25)) or None if scores else None


def mean_scores(samples: Sequence[Sample]) -> dict[str, float | int | None]:
    """Means over samples: of temporal consistency over those that move, of all for the rest."""
    moving = [
        s.temporal.temporal_consistency
        for s in samples
        if s.temporal.temporal_consistency is not None
    ]
    return {
        "temporal_consistency": fmean(moving) if moving else None,
        "clip_similarity": fmean(s.clip_similarity for s in samples),
        "motion_score": fmean(s.temporal.motion_score for s in samples),
        "frozen_samples": len(samples) - len(moving),
        "samples": len(samples),
    }
