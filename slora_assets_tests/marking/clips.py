"""Clips to mark, and what happens to clips on their way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.parts import Pipeline
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip
from slora_assets.miniature.weights import SHIPPED

PLACES = ("market_floor", "kitchen", "street", "sports_field", "stage")


def rendered(number: int, frames: int = 9) -> NDArray[np.uint8]:
    """[frames, 64, 96, 3]: a clip as the miniature learns to draw them."""
    plan = plan_clip(5, number, PLACES[number % len(PLACES)], number)
    return np.asarray(small_frames(plan, 5, [time / 8 for time in range(frames)]), np.uint8)


@cache
def generated(number: int) -> NDArray[np.uint8]:
    """[9, 64, 96, 3]: a clip as any program generates it with the shipped base, unpublished."""
    base = open_base(MINIATURE, SHIPPED)
    inference = base.inference
    return base.generate(
        _pipeline(),
        prompt=plan_clip(7, number, PLACES[number % len(PLACES)], number).captions[0],
        seed=number,
        steps=inference.steps,
        guidance_scale=inference.guidance_scale,
    )


@cache
def _pipeline() -> Pipeline:
    return open_base(MINIATURE, SHIPPED).pipeline("cpu", "float32")


def scaled(frames: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Each frame at another size, as a player or an editor does it."""
    import cv2

    how = cv2.INTER_AREA if width < frames.shape[2] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(one, (width, height), interpolation=how) for one in frames])


def shown(file: Path) -> NDArray[np.uint8]:
    """[T, H, W, 3]: all frames of a file."""
    import av

    with av.open(str(file)) as container:
        pictures = [one.to_ndarray(format="rgb24") for one in container.decode(video=0)]
    return np.stack(pictures)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """In dB."""
    error = np.mean((one.astype(np.float32) - other) ** 2)
    return float(10 * np.log10(255**2 / error))
