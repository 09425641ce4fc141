"""Decoding with PyAV: probe a file, take its first frame, or take frames at a fixed rate.

Frames come out upright, with square pixels, scaled to cover the target and cut at its centre.
Every failure is a `FootageError` with the quarantine's reason code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import FootageError
from slora_assets.footage.containers import opened_video
from slora_assets.footage.sdr import hdr_kind, to_sdr
from slora_assets.footage.times import times_fault

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer
    from PIL.Image import Image


_SEEK_FROM_S: Final = 5.0
"""Later starts are sought; before, decoding from the beginning costs no more."""
_WITHOUT_TIMES: Final = frozenset({"mpeg", "mpegvideo"})
"""Containers in which not each frame has its time: behind a place that was sought it is guessed."""
_SAME_S: Final = 1e-6
"""Times that are nearer to each other are the same."""
_OBLONG: Final = 16
"""No camera's pixels are so much wider than high, or higher than wide."""


@dataclass(frozen=True)
class Probe:
    """What a file's video is; `duration_s` is None where nothing says when its frames are shown."""

    width: int
    height: int
    fps: float
    duration_s: float | None
    codec: str
    hdr: str | None = None
    """`pq` or `hlg`: frames are brought to standard range as `sdr` says."""


def probe(path: Path) -> Probe:
    """Open `path`, read its header and decode one frame. Raises FootageError."""
    with opened_video(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise FootageError("corrupt", "no frame can be decoded", file=path)
        if stream.duration is not None and stream.time_base is not None:
            duration: float | None = float(stream.duration * stream.time_base)
        else:
            duration = _measured_duration(container, stream, frame.time or 0.0)
        return Probe(
            width=frame.width,
            height=frame.height,
            fps=float(stream.average_rate or stream.guessed_rate or 0),
            duration_s=round(duration, 6) if duration is not None else None,
            codec=stream.codec_context.name,
            hdr=hdr_kind(frame),
        )


def first_frame(path: Path, width: int, height: int, start_s: float = 0.0) -> Image:
    """The frame shown at `start_s`, RGB, `width` x `height`. Raises FootageError."""
    _refuse_times(path, start_s, None)
    for picture in _pictures(path, [start_s], width, height):
        return picture
    raise FootageError("too_short", f"nothing is shown at {start_s} s", file=path)


def decode_clip(
    path: Path,
    *,
    frames: int,
    width: int,
    height: int,
    fps: float,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> NDArray[np.uint8]:
    """Frames shown at `start_s`, `start_s + 1/fps`, ...: [frames, height, width, 3] RGB.

    Chosen by time stamp, so variable and odd frame rates play at their true speed.
    Raises FootageError, `too_short` when the file, or the clip at `end_s`, ends before the last
    wanted frame.
    """
    _refuse_times(path, start_s, end_s)
    times = [start_s + index / fps for index in range(frames)]
    if end_s is not None and times[-1] >= end_s:
        lasts = end_s - start_s
        raise FootageError(
            "too_short", f"{frames} frames at {fps:g} fps do not fit into {lasts:g} s", file=path
        )
    pictures = [np.asarray(picture) for picture in _pictures(path, times, width, height)]
    if len(pictures) < frames:
        raise FootageError(
            "too_short", f"{len(pictures)} of {frames} frames at {fps:g} fps", file=path
        )
    return np.stack(pictures)


def upright(frame: VideoFrame, stream: VideoStream) -> Image:
    """A decoded frame as an RGB picture with square pixels, rotated as the file asks."""
    from PIL import Image as images

    kind = hdr_kind(frame)
    pixels = to_sdr(frame, kind) if kind else _rgb(frame)
    picture: Image = images.fromarray(pixels)
    aspect: Fraction | None = stream.sample_aspect_ratio
    if aspect and aspect > 0 and aspect != 1:
        if not 1 / _OBLONG <= aspect <= _OBLONG:
            raise ValueError(f"pixels are said to be {float(aspect):g} times as wide as high")
        size = (max(1, round(picture.width * aspect)), picture.height)
        picture = picture.resize(size, images.Resampling.LANCZOS)
    turn = {
        90: images.Transpose.ROTATE_90,
        180: images.Transpose.ROTATE_180,
        270: images.Transpose.ROTATE_270,
    }.get(round(frame.rotation) % 360)
    return picture.transpose(turn) if turn is not None else picture


def _rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    """[H, W, 3] of the colours that the frame has: without the two flags swscale takes a shorter
    way for subsampled colours, which is up to three levels, on average one, too dark."""
    from av.video.reformatter import Interpolation

    exactly = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    # av's to_image takes six times as long.
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", interpolation=exactly, threads=1)
    return pixels


def fit(picture: Image, width: int, height: int) -> Image:
    """Scale to cover `width` x `height` and cut the centre out, Lanczos, in one resampling."""
    from PIL import Image as images

    scale = max(width / picture.width, height / picture.height)
    box_width, box_height = width / scale, height / scale
    left, top = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return picture.resize((width, height), images.Resampling.LANCZOS, box=box)


def _refuse_times(path: Path, start_s: float, end_s: float | None) -> None:
    wrong = times_fault(start_s, end_s)
    if wrong is not None:
        raise FootageError("bad_times", wrong, file=path)


def _measured_duration(
    container: InputContainer, stream: VideoStream, begin_s: float
) -> float | None:
    """From the video's first frame to the end of its last, by time stamps: a container that says
    only how long it lasts itself, counts its sound, too. None where frames have none."""
    import av

    end: float | None = None
    base = stream.time_base
    # What stands behind a damaged part isn't counted.
    with suppress(av.FFmpegError, OSError, ValueError):
        for packet in container.demux(stream):
            if packet.pts is not None and base is not None:
                reaches = float((packet.pts + (packet.duration or 0)) * base)
                end = reaches if end is None else max(end, reaches)
    return None if end is None else end - begin_s


def _pictures(path: Path, times: list[float], width: int, height: int) -> Iterator[Image]:
    """The picture on show at each of `times` (s from the first frame, ascending); fewer where the
    file ends before. Raises FootageError."""
    if times[0] > _SEEK_FROM_S:
        with opened_video(path) as (container, stream):
            near = _from_key_frame(container, stream, times[0])
            if near is not None:
                for frame in _sampled(*near, stream, times):
                    yield fit(upright(frame, stream), width, height)
                return
    with opened_video(path) as (container, stream):
        for frame in _sampled(container.decode(stream), None, stream, times):
            yield fit(upright(frame, stream), width, height)


def _from_key_frame(
    container: InputContainer, stream: VideoStream, start_s: float
) -> tuple[Iterator[VideoFrame], float] | None:
    """The frames from the key frame before `start_s` on, and the time of the file's first frame.

    None where the file doesn't say when it begins or can't be sought in: some containers have no
    index of key frames, and one lands behind the wanted frame.
    """
    import av

    if container.format.name in _WITHOUT_TIMES or stream.start_time is None:
        return None
    assert stream.time_base is not None, "it has a time in it"
    origin = float(stream.start_time * stream.time_base)
    try:
        container.seek(stream.start_time + int(start_s / stream.time_base), stream=stream)
    except av.FFmpegError:
        return None
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None or first.time is None or first.time - origin > start_s + _SAME_S:
        return None
    return chain([first], frames), origin


def _sampled(
    frames: Iterable[VideoFrame], origin: float | None, stream: VideoStream, times: list[float]
) -> Iterator[VideoFrame]:
    """The frame on show at each of `times`, which count from `origin`, or from the first frame."""
    shown: VideoFrame | None = None
    shown_at = 0.0
    wanted = iter(times)
    target = next(wanted, None)
    period = 1 / float(stream.average_rate) if stream.average_rate else 1 / 25
    for frame in frames:
        at = float(frame.time) if frame.time is not None else shown_at + period
        origin = at if origin is None else origin
        at -= origin
        while target is not None and shown is not None and at > target + _SAME_S:
            yield shown
            target = next(wanted, None)
        if target is None:
            return
        shown, shown_at = frame, at
    while target is not None and shown is not None and target < shown_at + period - _SAME_S:
        yield shown
        target = next(wanted, None)
