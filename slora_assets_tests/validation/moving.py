"""Clips whose truth is known: pictures that pan, things that move over grounds, and damages."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Clip: TypeAlias = NDArray[np.uint8]
"""[T, H, W, 3]"""


def texture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth colour noise at three scales, full range."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3))
    for sigma in (2, 6, 20):
        image += cv2.GaussianBlur(rng.normal(size=image.shape), (0, 0), sigma) * sigma
    image -= image.min()
    return (image * (255 / image.max())).astype(np.uint8)


def plain(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), (70, 90, 110), np.uint8)


def pan(step: int = 3, count: int = 9, height: int = 64, width: int = 96, seed: int = 0) -> Clip:
    """A camera moving right by `step` pixels per frame over a fixed picture."""
    picture = texture(height, width + step * count, seed)
    return np.stack([picture[:, step * t : step * t + width] for t in range(count)])


def crossing(ground: NDArray[np.uint8], side: int, step: int, count: int = 9) -> Clip:
    """A square of one bright colour that crosses the ground by `step` pixels per frame."""
    clip = np.repeat(ground[None], count, axis=0)
    top = (ground.shape[0] - side) // 2
    for number, frame in enumerate(clip):
        left = 6 + step * number
        frame[top : top + side, left : left + side] = (230, 210, 60)
    return clip


def frozen(clip: Clip) -> Clip:
    return np.repeat(clip[:1], len(clip), axis=0)


def flickering(clip: Clip) -> Clip:
    gain = 1 + 0.15 * np.where(np.arange(len(clip)) % 2, 1, -1)
    return np.clip(clip * gain[:, None, None, None], 0, 255).astype(np.uint8)


def cut(clip: Clip) -> Clip:
    """The second half shows another picture that moves as fast."""
    half = len(clip) // 2
    return np.concatenate([clip[:half], clip[half:, ::-1]])


def shuffled(clip: Clip) -> Clip:
    return clip[np.random.default_rng(3).permutation(len(clip))]


def half_reversed(clip: Clip) -> Clip:
    half = len(clip) // 2
    return np.concatenate([clip[:half], clip[half:][::-1]])


def shaking(clip: Clip) -> Clip:
    """Every other frame is two pixels lower."""
    return np.stack([np.roll(frame, 2 * (t % 2), axis=0) for t, frame in enumerate(clip)])


def noisy(clip: Clip, sigma: float = 8) -> Clip:
    noise = np.random.default_rng(1).normal(0, sigma, clip.shape)
    return np.clip(clip + noise, 0, 255).astype(np.uint8)
