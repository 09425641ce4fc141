"""What may happen to clips on their way, and what spoils them: frames in, frames out."""

from __future__ import annotations

import io

import as_runs_do  # noqa: F401  # first
import av
import cv2
import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.parts import Vae
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.workspace import Workspace
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.weights import architecture

_LOADED: list[tuple[VideoBase, Vae]] = []


def through_vae(frames: Pixels) -> Pixels:
    """[T, H, W, 3] as the miniature base gives them back; loads it on the first call."""
    if not _LOADED:
        base = open_base(MINIATURE, Workspace.from_environment().models)
        _LOADED.append((base, base.load_vae("cpu")))
    base, vae = _LOADED[0]
    return base.through_vae(vae, frames)


def compressed(frames: Pixels, crf: int) -> Pixels:
    """Frames as H.264 of this quality gives them back."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=architecture.FPS, options={"crf": str(crf), "threads": "1"}
        )
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for picture in frames:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(pictures).astype(np.uint8)


def resized(frames: Pixels, width: int, height: int) -> Pixels:
    """By area down, bilinear up."""
    how = cv2.INTER_AREA if width < frames.shape[2] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(one, (width, height), interpolation=how) for one in frames]).astype(
        np.uint8
    )


def scaled(frames: Pixels, factor: float) -> Pixels:
    """At another resolution."""
    return resized(frames, round(frames.shape[2] * factor), round(frames.shape[1] * factor))


def halved(frames: Pixels) -> Pixels:
    """At half size, and back."""
    height, width = frames.shape[1:3]
    return resized(scaled(frames, 0.5), width, height)


def cut(frames: Pixels, share: float, side: float) -> Pixels:
    """Less `share` of height and width; `side` 0 cuts the beginning off, 1 the end, 0.5 both."""
    height, width = frames.shape[1:3]
    high, wide = round(height * (1 - share)), round(width * (1 - share))
    top, left = round((height - high) * side), round((width - wide) * (1 - side))
    return resized(frames[:, top : top + high, left : left + wide], width, height)


def lit(frames: Pixels, gain: float, level: float) -> Pixels:
    """Brighter or darker."""
    return np.clip(frames * gain + level, 0, 255).round().astype(np.uint8)


def mirrored(frames: Pixels) -> Pixels:
    """Left and right changed places."""
    return np.ascontiguousarray(frames[:, :, ::-1])


def frozen(frames: Pixels) -> Pixels:
    """The first frame all the time."""
    return np.repeat(frames[:1], len(frames), axis=0)


def jittered(frames: Pixels, rng: np.random.Generator) -> Pixels:
    """Each frame moved by up to 2 pixels either way."""
    return np.stack([shifted(one, *rng.integers(-2, 3, 2)) for one in frames])


def flickering(frames: Pixels) -> Pixels:
    """Frames by turns 5 % lighter and darker."""
    light = 1 + 0.05 * np.where(np.arange(len(frames)) % 2, 1.0, -1.0)
    return np.clip(np.rint(frames * light[:, None, None, None]), 0, 255).astype(np.uint8)


def shifted(picture: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """The picture moved by whole pixels, its edges repeated."""
    way = np.array([[1, 0, across], [0, 1, down]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, way, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)
