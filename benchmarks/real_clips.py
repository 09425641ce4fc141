"""Pieces of real videos, cut at random in time and picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
_MOST = 100
"""Frames of a video that pieces are cut from."""


def pieces(
    rng: np.random.Generator, videos: list[Path], frames: int, width: int, height: int
) -> Iterator[Frames]:
    """[frames, height, width, 3] each, without end: every third frame, of a window of at least half
    the picture."""
    while videos:
        shown = _shown(videos[rng.integers(len(videos))])
        length, rows, columns = shown.shape[:3]
        if length < 3 * frames:
            continue
        start = rng.integers(length - 3 * frames + 1)
        part = rng.uniform(0.5, 1.0)
        high = min(int(rows * part), int(columns * part * height / width))
        wide = int(high * width / height)
        top, left = rng.integers(rows - high + 1), rng.integers(columns - wide + 1)
        window = shown[start : start + 3 * frames : 3, top : top + high, left : left + wide]
        yield scaled(window, width, height)


def scaled(frames: Frames, width: int, height: int) -> Frames:
    """Each frame at another size."""
    how = cv2.INTER_AREA if width < frames.shape[2] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(one, (width, height), interpolation=how) for one in frames])


@lru_cache(maxsize=40)
def _shown(video: Path) -> Frames:
    """The beginning of a video, 180 pixels high."""
    found = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            wide = round(180 * frame.width / frame.height)
            found.append(frame.reformat(wide, 180, "rgb24").to_ndarray())
            if len(found) == _MOST:
                break
    return np.stack(found)
