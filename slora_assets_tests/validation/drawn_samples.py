"""Samples to report on: clips of one colour, which are frozen, and one that moves."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from slora_assets.curation.validation_prompts import Prompt
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal
from slora_assets.validation.sampling import Sample

Colour = tuple[int, int, int]
Frames = NDArray[np.uint8]

RED: Colour = (200, 0, 0)


def still(colour: Colour) -> Frames:
    return np.full((9, 64, 96, 3), colour, np.uint8)


def moving_frames() -> Frames:
    """A patch with a pattern that moves to the right over a patterned ground."""
    pattern = np.random.default_rng(0).integers(0, 255, (96, 144, 3), dtype=np.uint8)
    frames = np.stack([pattern[:64, :96]] * 9)
    for number in range(9):
        frames[number, 16:48, 4 * number : 4 * number + 32] = pattern[64:96, 112:144]
    return frames


@cache
def temporal_score(moving: bool) -> TemporalScore:
    """What is measured on clips of the two kinds; measured once."""
    return measure_temporal(moving_frames() if moving else still(RED), 8)


def sample(frames: Frames, text: str = "a market", clip_similarity: float = 0.25) -> Sample:
    """A clip of one colour per frame, which is frozen."""
    prompt = Prompt("market_floor_00", "market_floor", text)
    return Sample(
        prompt, 1, frames, temporal_score(moving=False), clip_similarity, scenario_margin=0.1
    )


def moving_sample(text: str = "a market", clip_similarity: float = 0.25) -> Sample:
    return replace(
        sample(moving_frames(), text, clip_similarity), temporal=temporal_score(moving=True)
    )
