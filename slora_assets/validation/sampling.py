"""Clips sampled from fixed prompts and seeds, each with its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import StepCallback, VideoBase
from slora_assets.config.training import EpochValidationSettings
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import FootageClip
from slora_assets.footage.encode import write_mp4
from slora_assets.validation.clip_cache import MeasuredClip, measured
from slora_assets.validation.footage import DrawnFootage
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, held_against

UNTRAINED = "base and scorer are not fully trained: the scores say nothing about quality"


class Asked(NamedTuple):
    """One clip that is asked for."""

    prompt: Prompt
    seed: int


def asked_with(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Asked]:
    """Each prompt with each seed, seed by seed."""
    return [Asked(prompt, seed) for seed in seeds for prompt in prompts]


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
        asked: Sequence[Asked],
        on_step: StepCallback | None = None,
    ) -> list[NDArray[np.uint8]]:
        """A clip [T, H, W, 3] for each that is asked for, with the adapter `pipeline` has
        active."""
        return self.base.generate_many(
            pipeline,
            embeddings=[self.embeddings(one.prompt.text) for one in asked],
            empty_embedding=self.embeddings(""),
            seeds=[one.seed for one in asked],
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            on_step=on_step,
        )


@dataclass(frozen=True)
class Scoring:
    """What clips are held against: the same for both sides of a comparison, and for footage."""

    base: VideoBase
    scorer: ClipScorer
    motion_references: Mapping[str, float | None]
    """Scenario to the speed that counts as enough: its footage's, through the base's VAE."""
    contrasts: Mapping[str, Sequence[str]]
    """Scenario to prompts of others, which its clips should show less than their own."""

    def samples(self, asked: Sequence[Asked], clips: Sequence[MeasuredClip]) -> list[Sample]:
        """The clips, scored, in the order in which they were asked for."""
        return [self._sample(*one) for one in zip(asked, clips, strict=True)]

    def footage(self, shown: Sequence[DrawnFootage]) -> list[FootageClip]:
        """Clips of footage, scored as samples of their own captions are."""
        found = []
        for one in shown:
            clip, caption = one.clip, one.clip.prompts[0]
            likeness = self._likeness(clip.scenario, caption, one.drawn.frames)
            scores = clip_metrics(one.drawn.temporal, *likeness)
            found.append(
                FootageClip(clip_id=clip.id, split=clip.split, caption=caption, scores=scores)
            )
        return found

    def _sample(self, asked: Asked, clip: MeasuredClip) -> Sample:
        prompt, frames = asked.prompt, clip.frames
        temporal = held_against(clip.temporal, self.motion_references.get(prompt.scenario))
        likeness = self._likeness(prompt.scenario, prompt.text, frames)
        return Sample(prompt, asked.seed, frames, temporal, *likeness)

    def _likeness(
        self, scenario: str, text: str, frames: NDArray[np.uint8]
    ) -> tuple[float, float | None]:
        """How well a clip shows its text, and by how much better than others' prompts."""
        others = self.contrasts.get(scenario, ())
        own, *other = self.scorer.scores(frames, [text, *others])
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


def new_scoring(
    base: VideoBase,
    scorer: ClipScorer,
    footage: Mapping[str, Sequence[DrawnFootage]],
    contrasts: Mapping[str, Sequence[str]],
) -> Scoring:
    """A scoring whose yardstick of motion is the footage."""
    references = {name: motion_reference(shown) for name, shown in footage.items()}
    return Scoring(base, scorer, references, contrasts)


def motion_reference(footage: Sequence[DrawnFootage]) -> float | None:
    """Mean speed of footage, in shorter sides per second; None without any that moves."""
    speeds = [one.drawn.temporal.motion_speed for one in footage]
    return fmean(speeds) or None if speeds else None


def sample_prompts(
    drawing: Drawing,
    scoring: Scoring,
    pipeline: Pipeline,
    asked: Sequence[Asked],
    on_step: StepCallback | None = None,
) -> list[Sample]:
    """Generate and score, with the adapter that `pipeline` has active."""
    clips = drawing.clips(pipeline, asked, on_step)
    return scoring.samples(asked, measured(clips, drawing.base.geometry.fps))


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
