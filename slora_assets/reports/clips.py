"""Clips and pictures inside of a page: as data, within a budget."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from slora_assets.documents import FootageClip

if TYPE_CHECKING:
    from PIL.Image import Image

_MARKUP: Final = 600
"""Characters that a clip's element takes beside its data, at most."""
_PICTURE_WIDTH, _PICTURE_QUALITY = 480, 75


class _Smaller(NamedTuple):
    """How a clip is encoded again."""

    width: int
    crf: int


_TRIES: Final = (
    _Smaller(480, 23),
    _Smaller(320, 26),
    _Smaller(240, 28),
    _Smaller(160, 30),
    _Smaller(96, 34),
)
"""From the best that is shown to the least; the first that fits is taken."""


@dataclass(frozen=True)
class Video:
    """A clip as data URIs."""

    uri: str
    poster: str
    """Its first frame, shown until it plays."""

    @property
    def characters(self) -> int:
        """What it takes of a page."""
        return len(self.uri) + len(self.poster) + _MARKUP


@dataclass(frozen=True)
class Shelf:
    """Clips that fit into a page."""

    groups: Sequence[Mapping[str, Video]]
    """Of as many groups as fit, the first ones: clips by name."""
    width: int | None
    """What they were narrowed to; None: they are as they were drawn."""


def fitting(groups: Sequence[Mapping[str, Path]], budget: int, least: int) -> Shelf:
    """As many groups of clips as fit into so many characters, in their order.

    Where fewer than `least` fit, they are encoded again, smaller. The same clips give the same
    characters.
    """
    shelf = Shelf([], None)
    if budget <= 0:
        return shelf
    least = min(least, len(groups))
    for smaller in (None, *_TRIES):
        # Encoding takes seconds: the first group says whether the others can fit.
        first = _taken(groups[:1], budget // max(1, least), smaller)
        if first.groups or not groups or smaller is _TRIES[-1]:
            shelf = _taken(groups, budget, smaller)
            if len(shelf.groups) >= least:
                break
    return shelf


def _taken(groups: Sequence[Mapping[str, Path]], budget: int, smaller: _Smaller | None) -> Shelf:
    taken, left = [], budget
    for group in groups:
        shown = {name: _video(path, smaller) for name, path in group.items()}
        left -= sum(video.characters for video in shown.values())
        if left < 0:
            break
        taken.append(shown)
    return Shelf(taken, None if smaller is None else smaller.width)


def _video(path: Path, smaller: _Smaller | None) -> Video:
    data = path.read_bytes() if smaller is None else _encoded_again(path, smaller)
    frames, _ = _decoded(io.BytesIO(data), 1)
    return Video(f"data:video/mp4;base64,{base64.b64encode(data).decode()}", _webp(frames[0]))


def _encoded_again(path: Path, smaller: _Smaller) -> bytes:
    """The clip, no wider than asked, in H.264."""
    import numpy as np

    from slora_assets.footage.encode import write_mp4

    frames, rate = _decoded(path)
    even = [_even(_narrowed(frame, smaller.width)) for frame in frames]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        write_mp4(
            file, np.stack([np.asarray(frame) for frame in even]), rate, smaller.crf, "veryfast"
        )
        return file.read_bytes()


def first_frame(video: Path) -> str | None:
    """The first frame of a clip as a small picture; None where there is none."""
    return _webp(_decoded(video, 1)[0][0]) if video.is_file() else None


def picture(path: Path) -> str | None:
    """A picture, small; None where there is none."""
    from PIL import Image

    if not path.is_file():
        return None
    with Image.open(path) as opened:
        return _webp(opened.convert("RGB"))


def _webp(image: Image) -> str:
    buffer = io.BytesIO()
    _narrowed(image, _PICTURE_WIDTH).save(buffer, "WEBP", quality=_PICTURE_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def closest_in_words(text: str, footage: Sequence[FootageClip]) -> FootageClip | None:
    """The clip whose caption shares most words with a prompt; of equals a held-out one, then the
    first by name."""
    words = _words(text)
    return min(
        footage,
        key=lambda clip: (
            -len(words & _words(clip.caption)),
            clip.split != "validation",
            clip.clip_id,
        ),
        default=None,
    )


def clip_file(folder: Path, name: str) -> Path | None:
    """The clip of this name in a folder, if it is there; a name is no path."""
    file = folder / f"{name}.mp4"
    return file if file.parent == folder and "\0" not in name and file.is_file() else None


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _decoded(video: Path | io.BytesIO, most: int | None = None) -> tuple[list[Image], float]:
    """The first frames of a clip, or all, and how many are shown in a second."""
    import av

    with av.open(str(video) if isinstance(video, Path) else video) as container:
        rate = float(container.streams.video[0].average_rate or 8)
        frames = []
        for frame in container.decode(video=0):
            frames.append(frame.to_image())
            if len(frames) == most:
                break
    return frames, rate


def _narrowed(image: Image, width: int) -> Image:
    from PIL.Image import Resampling

    if image.width <= width:
        return image
    return image.resize(
        (width, max(2, round(image.height * width / image.width))), Resampling.LANCZOS
    )


def _even(image: Image) -> Image:
    """The picture without a last odd column or row, which its encoding can't have."""
    return image.crop((0, 0, image.width // 2 * 2, image.height // 2 * 2))
