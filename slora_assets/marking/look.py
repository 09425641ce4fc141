"""What a clip looks like: its mean luma, which shows its marks, and a fingerprint of three of its
frames, by which it is known again when all marks are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import FootageError
from slora_assets.footage.containers import opened_video
from slora_assets.marking.drawn import drawn
from slora_assets.marking.watermark import found, mean_luma, payload_digits

if TYPE_CHECKING:
    import av

MOST_FRAMES: Final = 5000
"""Of a file that are looked at: no generated clip is longer."""
_SHORT: Final = 128
"""Frames that are all decoded to look for a watermark: what people film has mostly more."""
_SMALL: Final = 64
"""Pixels on a side of what a fingerprint is taken of."""
_DETAIL: Final = 16
"""Waves a side that a frame's hash tells of: with 8, clips of one place are thought the same."""
_ALIKE: Final = 60
"""Of 768 bits: more differ between any two of 750 clips; after crf 28 fewer in 95 of 100 cases, at
half size in all."""


@dataclass(frozen=True)
class Look:
    """Of all frames of a clip."""

    luma: NDArray[np.float32]
    """[H, W], the mean."""
    fingerprint: list[str]


def look_at(frames: Iterable[NDArray[np.uint8]]) -> Look | None:
    """At frames [H, W, 3] RGB; None where there are none."""
    small: list[NDArray[np.uint8]] = []
    luma = mean_luma(_kept(frames, small))
    return Look(luma, [_hash(one) for one in _chosen(small)]) if small else None


def look_at_file(file: Path) -> Look:
    """At the frames of a video as they are stored. Raises FootageError for what is none."""
    with opened_video(file) as (container, stream):
        decoded = islice(container.decode(stream), MOST_FRAMES)
        look = look_at(map(_pixels, decoded))
    if look is None:
        raise FootageError("corrupt", "no frame can be decoded", file=file)
    return look


def marks_in_footage(file: Path, picture: NDArray[np.uint8]) -> str:
    """By what a video was generated, as its pixels show it; empty where they show nothing.

    A decoder's mark is in each frame, and `picture` [H, W, 3] RGB is one of them; a watermark is in
    their mean, so it is looked for where they are no more than a generated video has.
    """
    luma = _short_video(file)
    if luma is None:
        luma = mean_luma([picture])
    mark, by = found(luma), drawn(luma)
    told = [f"slora's watermark {payload_digits(mark.payload)}"] if mark else []
    return ", ".join([*told, *([f"drawn by the decoder of {by.base}"] if by else [])])


def _short_video(file: Path) -> NDArray[np.float32] | None:
    """The mean luma of a video of few frames, if they can all be decoded."""
    with suppress(FootageError), opened_video(file) as (container, stream):
        if 0 < stream.frames <= _SHORT:
            return mean_luma(map(_pixels, container.decode(stream)))
    return None


def _pixels(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Without threads, which would take the cores from the files that are decoded beside it."""
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", threads=1)
    return pixels


def alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two fingerprints are of the same clip, encoded or scaled anew maybe."""
    return len(one) == len(other) > 0 and difference(one, other) <= _ALIKE


def difference(one: Sequence[str], other: Sequence[str]) -> int:
    """Bits that differ."""
    pairs = zip(one, other, strict=True)
    return sum((int(a, 16) ^ int(b, 16)).bit_count() for a, b in pairs)


def _kept(
    frames: Iterable[NDArray[np.uint8]], small: list[NDArray[np.uint8]]
) -> Iterator[NDArray[np.uint8]]:
    """The frames, each left behind in small."""
    import cv2

    for frame in frames:
        small.append(cv2.resize(frame, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA))
        yield frame


def _chosen(small: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [small[0], small[len(small) // 2], small[-1]]


def _hash(picture: NDArray[np.uint8]) -> str:
    import imagehash
    from PIL import Image

    return str(imagehash.phash(Image.fromarray(picture), hash_size=_DETAIL))
