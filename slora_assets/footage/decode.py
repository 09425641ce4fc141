"""Decoding with PyAV: probe a file, take its first frame, or take frames at a fixed rate.

Frames come out upright, with square pixels, scaled to cover the target and cut at its centre.
Every failure is a `FootageError` with the quarantine's reason code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import FootageError
from slora_assets.footage.sdr import hdr_kind, to_sdr

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer
    from PIL.Image import Image


_SEEK_FROM_S = 5.0
"""Later starts are sought; before, decoding from the beginning costs no more."""
_ENCRYPTED = (b"encv", b"drmi")
"""Sample entries of encrypted video (ISO/IEC 14496-12, 8.12)."""


@dataclass(frozen=True)
class Probe:
    """What a file says of itself; `duration_s` is None where the container doesn't say."""

    width: int
    height: int
    fps: float
    duration_s: float | None
    codec: str
    hdr: str | None = None
    """`pq` or `hlg`: frames are brought to standard range as `sdr` says."""


def probe(path: Path) -> Probe:
    """Open `path`, read its header and decode one frame. Raises FootageError."""
    with _video(path) as (container, stream):
        frame = next(_frames(container, stream, path), None)
        if frame is None:
            raise FootageError("corrupt", "no frame can be decoded", file=path)
        duration = None
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / 1_000_000
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
    with _video(path) as (container, stream):
        for frame in _sampled(container, stream, path, [start_s]):
            return fit(upright(frame, stream), width, height)
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
    times = [start_s + index / fps for index in range(frames)]
    if end_s is not None and times[-1] >= end_s:
        lasts = end_s - start_s
        raise FootageError(
            "too_short", f"{frames} frames at {fps:g} fps do not fit into {lasts:g} s", file=path
        )
    pictures: list[NDArray[np.uint8]] = []
    with _video(path) as (container, stream):
        for frame in _sampled(container, stream, path, times):
            pictures.append(np.asarray(fit(upright(frame, stream), width, height)))
    if len(pictures) < frames:
        raise FootageError(
            "too_short", f"{len(pictures)} of {frames} frames at {fps:g} fps", file=path
        )
    return np.stack(pictures)


def upright(frame: VideoFrame, stream: VideoStream) -> Image:
    """A decoded frame as an RGB picture with square pixels, rotated as the file asks."""
    from PIL import Image as images

    kind = hdr_kind(frame)
    # av's to_image gives the same picture and takes six times as long.
    pixels = to_sdr(frame, kind) if kind else frame.to_ndarray(format="rgb24")
    picture: Image = images.fromarray(pixels)
    aspect: Fraction | None = stream.sample_aspect_ratio
    if aspect and aspect > 0 and aspect != 1:
        size = (max(1, round(picture.width * aspect)), picture.height)
        picture = picture.resize(size, images.Resampling.LANCZOS)
    turn = {
        90: images.Transpose.ROTATE_90,
        180: images.Transpose.ROTATE_180,
        270: images.Transpose.ROTATE_270,
    }.get(round(frame.rotation) % 360)
    return picture.transpose(turn) if turn is not None else picture


def fit(picture: Image, width: int, height: int) -> Image:
    """Scale to cover `width` x `height` and cut the centre out, Lanczos, in one resampling."""
    from PIL import Image as images

    scale = max(width / picture.width, height / picture.height)
    box_width, box_height = width / scale, height / scale
    left, top = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return picture.resize((width, height), images.Resampling.LANCZOS, box=box)


@contextmanager
def _video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    import av

    if not path.is_file():
        raise FootageError("missing", "the file does not exist", file=path)
    if path.stat().st_size == 0:
        raise FootageError("corrupt", "the file is empty", file=path)
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FootageError("corrupt", f"can't be opened ({error})", file=path) from error
    with container:
        if not container.streams.video:
            raise FootageError("no_video_stream", "there is no video stream", file=path)
        stream = container.streams.video[0]
        if "mp4" in container.format.name and _is_encrypted(path):
            raise FootageError("encrypted", "the video is encrypted", file=path)
        if stream.codec_context is None:
            raise FootageError("unsupported_codec", "no decoder for the video", file=path)
        # Files are decoded side by side in processes of their own; threads would only wait.
        stream.codec_context.thread_count = 1
        yield container, stream


def _is_encrypted(path: Path) -> bool:
    """Whether an MP4's index has an encrypted sample entry; the demuxer shows the inner codec."""
    with path.open("rb") as stream:
        while len(head := stream.read(16)) >= 8:
            size, name, taken = int.from_bytes(head[:4], "big"), head[4:8], 8
            if size == 1:
                size, taken = int.from_bytes(head[8:], "big"), 16
            stream.seek(taken - len(head), os.SEEK_CUR)
            if name == b"moov":
                index = stream.read(max(size - taken, 0) or -1)
                return any(entry in index for entry in _ENCRYPTED)
            if size < taken:
                return False
            stream.seek(size - taken, os.SEEK_CUR)
    return False


def _frames(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    import av

    try:
        yield from container.decode(stream)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FootageError("corrupt", f"decoding fails ({error})", file=path) from error


def _seek(container: InputContainer, stream: VideoStream, start_s: float) -> float | None:
    """Go to the key frame before `start_s`; returns the time of the file's first frame.

    None, and nothing done, where the file doesn't say when it starts.
    """
    import av

    if stream.start_time is None or stream.time_base is None:
        return None
    with suppress(av.FFmpegError):  # what can't seek is decoded from its beginning
        container.seek(stream.start_time + int(start_s / stream.time_base), stream=stream)
    return float(stream.start_time * stream.time_base)


def _sampled(
    container: InputContainer, stream: VideoStream, path: Path, times: list[float]
) -> Iterator[VideoFrame]:
    """The frame on show at each of `times` (s from the first frame), decoded once, in order."""
    shown: VideoFrame | None = None
    shown_at = 0.0
    origin = _seek(container, stream, times[0]) if times[0] > _SEEK_FROM_S else None
    wanted = iter(times)
    target = next(wanted, None)
    period = 1 / float(stream.average_rate) if stream.average_rate else 1 / 25
    for frame in _frames(container, stream, path):
        at = float(frame.time) if frame.time is not None else shown_at + period
        origin = at if origin is None else origin
        at -= origin
        while target is not None and shown is not None and at > target + 1e-6:
            yield shown
            target = next(wanted, None)
        if target is None:
            return
        shown, shown_at = frame, at
    while target is not None and shown is not None and target < shown_at + period - 1e-6:
        yield shown
        target = next(wanted, None)
