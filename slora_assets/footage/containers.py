"""Opening a video file: which containers are read, and which of a file's streams is its video.

What a file is, its content says, but only within a fixed list: FFmpeg, left to guess, takes text
for a playlist and reads whatever files and addresses stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from slora_assets.config.errors import FootageError

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer

DEMUXERS: Final = (
    "mov",  # MP4, MOV, 3GP
    "matroska",  # and WebM
    "avi",
    "mpegts",
    "mpeg",
    "mpegvideo",
    "asf",  # WMV
    "flv",
    "gif",
    "ogg",
)
"""FFmpeg's names of what is read; each of them holds its pictures itself. `dataset_files` has the
endings of their files."""
_OPTIONS: Final = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"}
_ENCRYPTED: Final = frozenset({b"encv", b"drmi"})
"""Sample entries of encrypted video (ISO/IEC 14496-12, 8.12)."""
_TO_SAMPLES: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
"""The boxes of an MP4, each in the one before, down to a track's sample entries."""


@contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file's container and its video, closed after the body. Raises FootageError, for what the
    body meets in the file, too."""
    import av

    if not path.is_file():
        raise FootageError("missing", "the file does not exist", file=path)
    if path.stat().st_size == 0:
        raise FootageError("corrupt", "the file is empty", file=path)
    try:
        # With its protocol named, no file name is taken for an address.
        container = av.open(f"file:{path.absolute()}", options=_OPTIONS, metadata_errors="replace")
    except av.error.ArgumentError as error:
        what = f"no container that is read here ({', '.join(DEMUXERS)})"
        raise FootageError("unknown_container", what, file=path) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FootageError("corrupt", f"can't be opened ({_said(error)})", file=path) from error
    with container:
        stream = _video_of(container, path)
        # Files are decoded side by side in processes of their own; threads would only wait.
        stream.codec_context.thread_count = 1
        try:
            yield container, stream
        except (
            av.FFmpegError,
            OSError,
            ValueError,
            ArithmeticError,
            MemoryError,
            RuntimeError,
        ) as error:
            what = f"decoding fails ({_said(error)})"
            raise FootageError("corrupt", what, file=path) from error


def _video_of(container: InputContainer, path: Path) -> VideoStream:
    """The largest video that isn't a picture on the cover; raises FootageError."""
    from av.stream import Disposition

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    videos = [one for one in container.streams.video if not one.disposition & pictures]
    if not videos:
        covers = bool(container.streams.video)
        what = "only a cover picture, no video" if covers else "there is no video stream"
        raise FootageError("no_video_stream", what, file=path)
    stream = max(videos, key=_rank)
    if stream.codec_context is None:
        raise FootageError("unsupported_codec", "no decoder for the video", file=path)
    # The demuxer shows the codec that lies under the encryption.
    if "mp4" in container.format.name and not _ENCRYPTED.isdisjoint(_sample_entries(path)):
        raise FootageError("encrypted", "the video is encrypted", file=path)
    return stream


def _sample_entries(path: Path) -> set[bytes]:
    """The names of all tracks' sample entries."""
    with path.open("rb") as stream:
        inside = [(0, path.stat().st_size)]
        for wanted in _TO_SAMPLES:
            found = [box for start, end in inside for box in _boxes(stream, start, end)]
            inside = [(start, end) for name, start, end in found if name == wanted]
        # Before the entries stand a version, flags and their number.
        return {name for start, end in inside for name, *_ in _boxes(stream, start + 8, end)}


def _boxes(stream: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the content of each box between two places of an MP4."""
    while start + 8 <= end:
        stream.seek(start)
        head = stream.read(16)
        size, name, taken = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, taken = int.from_bytes(head[8:], "big"), 16
        size = size or end - start  # 0: up to the end
        if size < taken:
            return
        yield name, start + taken, min(start + size, end)
        start += size


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    """A single picture is rather a cover that nobody marked as one; of equals the first wins."""
    context = stream.codec_context
    pixels = context.width * context.height if context is not None else 0
    return stream.frames != 1, pixels, -stream.index


def _said(error: Exception) -> str:
    """The error without its number and without the file's name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
