"""An imperceptible mark in the pixels: 32 bits that a clip still shows when it was encoded anew or
scaled.

The luma of all frames together, brought to one small grid, is taken apart into cosine waves; 64
sums of a few waves each are moved to the next place of a lattice that stands for their bit
(quantisation index modulation, which the picture itself doesn't disturb). Which waves, signs and
offsets is drawn from a key that is no secret: whoever has slora can look for the mark, and so can
write it. Who made a clip say its credentials and the register.

The same is added to each frame, so it outlives what is done to single ones. A part of a clip, cut
in time or at its edges, turned or mirrored, is another clip: the mark is gone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.marking.code import CODE_BITS, decoded, encoded

ID_DIGITS: Final = 8
"""Of a video's id, in hexadecimal, that the watermark holds."""
_KEY: Final = b"slora watermark 1"
_ROWS, _COLUMNS = 64, 96
_LOWEST, _HIGHEST = 0.04, 0.21
"""Waves, as parts of the finest that the grid shows: finer ones don't outlive half size, coarser
ones are the picture's own."""
_SMALL_STEP, _LARGE_STEP = 90.0, 40.0
"""How far places of the lattice are apart that stand for the same bit. Codecs take more from small
pictures, and people see more in large ones."""
_LARGE: Final = 240 * 360
"""Pixels from which a picture is large."""
_FITS: Final = 41.0
"""Of 64: what is read in clips without a mark, fitted to the best of all codewords, is 32 +- 2."""
_BY_CHANCE: Final = 1e-4
_SMALLEST: Final = 16
"""Pixels on a side; fewer can't show the finest waves."""
_ROUNDS: Final = 6
_NEAR: Final = 0.08
"""Of a step: nearer to its place no sum need be moved."""
_LUMA: Final = (0.299, 0.587, 0.114)

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Mark:
    """What was found in pixels."""

    payload: int
    fits: float
    """How well, of 64."""
    known: bool = False
    """Whether it is too weak to be read, and was recognised as a known video's."""


@dataclass(frozen=True)
class _Waves:
    """Which waves [64, K] are summed with which signs, and each sum's offset in steps."""

    places: NDArray[np.int64]
    signs: NDArray[np.float32]
    offsets: NDArray[np.float32]


def cheapest(frames: Frames, payloads: Sequence[int]) -> int:
    """Of payloads, the one that needs the least change of [T, H, W, 3] RGB."""
    step, candidates = _step(frames), np.asarray(payloads, np.int64)
    moves = _moves(_sums(mean_luma(frames)), encoded(candidates), step)
    return int(candidates[(moves**2).sum(axis=1).argmin()])


def embedded(frames: Frames, payload: int) -> Frames:
    """[T, H, W, 3] RGB with the mark. Whether it took, `found` tells: in a picture of a few pixels
    there is no room for it."""
    import cv2

    word = encoded(np.array([payload]))[0]
    step, luma = _step(frames), mean_luma(frames)
    added = np.zeros(luma.shape, np.float32)
    marked, shown = frames, luma
    for _ in range(_ROUNDS):
        moves = _moves(_sums(shown), word, step)
        if np.abs(moves).max() < _NEAR * step:
            break
        added += _picture(moves, *luma.shape)
        delta = cv2.merge([np.rint(added).astype(np.int16)] * 3)
        marked = np.stack([cv2.add(frame, delta, dtype=cv2.CV_8U) for frame in frames])
        shown = mean_luma(marked)
    return marked


def found(luma: NDArray[np.float32]) -> Mark | None:
    """The mark in the mean luma [H, W] of a clip's frames, whatever their size was when it was
    written; None for none."""
    if min(luma.shape) < _SMALLEST:
        return None
    sums = _sums(luma)
    read = [_read(sums, step) for step in (_SMALL_STEP, _LARGE_STEP)]
    best = max((decoded(one) for one in read), key=lambda one: one[1])
    return Mark(*best) if best[1] >= _FITS else None


def recognised(luma: NDArray[np.float32], payloads: Sequence[int]) -> Mark | None:
    """The mark of one of these videos in the mean luma [H, W] of a clip's frames, though it be too
    weak to be read. By chance a clip is taken for one of them once in ten thousand times."""
    if not payloads or min(luma.shape) < _SMALLEST:
        return None
    sums, words = _sums(luma), encoded(np.asarray(payloads, np.int64))
    steps = (_SMALL_STEP, _LARGE_STEP)
    fits = np.max([words @ _read(sums, step) for step in steps], axis=0)
    # What is read in clips without the mark is a cosine of anything: its variance is a half.
    likeliest = -NormalDist().inv_cdf(_BY_CHANCE / (len(steps) * len(payloads)))
    best = int(fits.argmax())
    enough = float(fits[best]) >= likeliest * math.sqrt(CODE_BITS / 2)
    return Mark(payloads[best], float(fits[best]), known=True) if enough else None


def payload_digits(payload: int) -> str:
    """The digits of an id that a watermark holds."""
    return f"{payload:0{ID_DIGITS}x}"


def mean_luma(frames: Iterable[Frames]) -> NDArray[np.float32]:
    """[H, W], of all frames [H, W, 3] RGB together; frames of another size than the first are left
    out."""
    import cv2

    total, count = np.zeros(0, np.float32), 0
    for frame in frames:
        if not count:
            total = np.zeros(frame.shape, np.float32)
        if frame.shape == total.shape:
            cv2.accumulate(frame, total)
            count += 1
    return np.asarray(total @ np.array(_LUMA, np.float32) / max(count, 1), np.float32)


def _step(frames: Frames) -> float:
    return _LARGE_STEP if frames.shape[1] * frames.shape[2] >= _LARGE else _SMALL_STEP


def on_grid(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """[64, 96]: [H, W] brought to the size whose waves are read."""
    import cv2

    height, width = luma.shape
    if (height, width) == (_ROWS, _COLUMNS):
        return luma
    shrunk = height >= _ROWS and width >= _COLUMNS
    how = cv2.INTER_AREA if shrunk else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(luma, (_COLUMNS, _ROWS), interpolation=how), np.float32)


def spectrum(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """[64, 96]: how much of each cosine wave (DCT-II, orthonormal) is in [H, W], once that has been
    brought to the grid."""
    import cv2

    return np.asarray(cv2.dct(on_grid(luma)), np.float32)


def _sums(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """[64] sums of waves of [H, W]."""
    waves = _waves()
    return np.asarray((spectrum(luma).ravel()[waves.places] * waves.signs).sum(axis=1), np.float32)


def _moves(
    sums: NDArray[np.float32], words: NDArray[np.float32], step: float
) -> NDArray[np.float32]:
    """How far each sum is from the next place of its bit, for [..., 64] signs."""
    places = step * (_waves().offsets + (1 - words) / 4)
    away = places - sums
    return np.asarray(away - step * np.rint(away / step), np.float32)


def _read(sums: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """[64] values: 1 where a sum is at a place for a bit that isn't set, -1 where it is set."""
    return np.asarray(np.cos(2 * np.pi * (sums / step - _waves().offsets)), np.float32)


def _picture(moves: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """[H, W]: what moves the sums so."""
    import cv2

    waves = _waves()
    spectrum = np.zeros(_ROWS * _COLUMNS, np.float32)
    spectrum[waves.places.ravel()] = (waves.signs * moves[:, None]).ravel()
    small = cv2.idct(spectrum.reshape(_ROWS, _COLUMNS))
    if (height, width) == (_ROWS, _COLUMNS):
        return np.asarray(small, np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


@cache
def _waves() -> _Waves:
    """Drawn from the key by a hash, which is the same for ever; numpy's generators needn't be."""
    rows, columns = np.mgrid[0:_ROWS, 0:_COLUMNS]
    height = np.hypot(rows / _ROWS, columns / _COLUMNS)
    band = np.flatnonzero((height >= _LOWEST) & (height <= _HIGHEST))
    words = np.frombuffer(hashlib.shake_256(_KEY).digest(8 * (2 * len(band) + CODE_BITS)), "<u8")
    order, signs, offsets = np.split(words, [len(band), 2 * len(band)])
    each = len(band) // CODE_BITS
    shape, used = (CODE_BITS, each), CODE_BITS * each
    return _Waves(
        places=band[np.argsort(order, kind="stable")][:used].reshape(shape),
        signs=((1 - 2.0 * (signs[:used] & 1)) / np.sqrt(each)).reshape(shape).astype(np.float32),
        offsets=(offsets / 2**64).astype(np.float32),
    )
