"""Measures by which footage can be refused: cuts inside a clip, motion, likeness to other clips.

Taken only where a dataset's `quality` asks for one, once per file.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import FootageError
from slora_assets.footage.containers import opened_video
from slora_assets.footage.decode import decode_clip, first_frame

if TYPE_CHECKING:
    from av import VideoFrame

_FPS: Final = 8.0
_FRAMES: Final = 9
_HEIGHT, _WIDTH = 120, 180
_FASTEST: Final = 95
"""Percentile of a frame's flow that stands for its motion, as in VBench's dynamic degree."""


def measure(path: Path) -> dict[str, Any]:
    """`cuts` (PySceneDetect's content detector at its default threshold), `motion` (flow of the
    fastest 5 % of pixels in picture heights per second, mean over the first second), `fingerprint`
    (64 bit perceptual hash of the first frame, hexadecimal).

    Raises FootageError for what can't be decoded.
    """
    return {
        "cuts": _cuts(path),
        "motion": round(_motion(path), 4),
        "fingerprint": fingerprint(path),
    }


def fingerprint(path: Path) -> str:
    """64 bit perceptual hash of the first frame, hexadecimal. Raises FootageError."""
    import imagehash

    return str(imagehash.phash(first_frame(path, _WIDTH, _HEIGHT)))


def _cuts(path: Path) -> int:
    """Cuts up to the file's end, or up to its first damage."""
    import av
    from scenedetect import ContentDetector, FrameTimecode

    detector, cuts = ContentDetector(), 0
    with opened_video(path) as (container, stream):
        at = FrameTimecode(0, float(stream.average_rate or _FPS))
        with suppress(av.FFmpegError, OSError, ValueError):
            for number, frame in enumerate(container.decode(stream)):
                at = FrameTimecode(number, at)
                cuts += len(detector.process_frame(at, _small(frame)))
        return cuts + len(detector.post_process(at))


def _small(frame: VideoFrame) -> NDArray[np.uint8]:
    """[H, W, 3] BGR, as small as PySceneDetect makes frames."""
    import cv2
    from scenedetect.scene_manager import compute_downscale_factor

    picture: NDArray[np.uint8] = frame.to_ndarray(format="bgr24", threads=1)
    factor = compute_downscale_factor(max(frame.width, frame.height))
    if factor <= 1:
        return picture
    size = max(1, round(frame.width / factor)), max(1, round(frame.height / factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _motion(path: Path) -> float:
    import cv2

    frames = _beginning(path)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    pairs = pairwise(grey)
    fields = [np.linalg.norm(flow.calc(one, other, None), axis=2) for one, other in pairs]
    if not fields:
        return 0.0
    fast = [field[field >= np.percentile(field, _FASTEST)].mean() for field in fields]
    return float(np.mean(fast)) / _HEIGHT * _FPS


def _beginning(path: Path) -> NDArray[np.uint8]:
    """The first second, or as much as there is of it."""
    for frames in (_FRAMES, 2):
        try:
            return decode_clip(path, frames=frames, width=_WIDTH, height=_HEIGHT, fps=_FPS)
        except FootageError as error:
            if error.reason != "too_short":
                raise
    return np.zeros((1, _HEIGHT, _WIDTH, 3), np.uint8)
