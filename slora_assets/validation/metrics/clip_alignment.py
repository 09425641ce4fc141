"""One clip brought over another, by the background that they share: how, and the pictures moved."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.float32]
Way: TypeAlias = NDArray[np.float64]

STRETCH: Final = 0.15
OFFSET: Final = 0.1
"""A cut or rescaled clip is brought back by at most this much; offsets in picture heights."""

SAME: Final = 0.95
"""Correlation above which two backgrounds are one, seen alike. Between others a way would mostly
carry what moves to where it fits."""


WORTHWHILE: Final = 0.8
"""The part of the background's mismatch that a way may leave."""

_INTO: Final = 1 | 16
"""cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, without importing it."""


def way_over(found: Field, wanted: Field, standing: NDArray[np.bool_]) -> Way | None:
    """How `found` [h,w,3] has to be stretched and shifted to lie over `wanted`: [2,3], from the
    latter's pixels to its own. None if it lies there, or is another picture.

    `standing` [h,w] is the background. What moves has no say in whether something is to be undone:
    a way that leaves the background's mismatch as it was would carry subjects to where they fit.
    """
    import cv2

    height, width = standing.shape
    here, there = _grey(wanted), _grey(found)
    rule = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
    start = np.eye(2, 3, dtype=np.float32)
    try:
        alike, way = cv2.findTransformECC(here, there, start, cv2.MOTION_AFFINE, rule, None, 3)
    except cv2.error:  # they have too little in common
        return None
    centre = np.array([width / 2, height / 2])
    offset = way[:, :2] @ centre + way[:, 2] - centre
    stretch = np.abs(way[:, :2] - np.eye(2)).max()
    if alike < SAME or stretch > STRETCH or np.abs(offset).max() > OFFSET * height:
        return None
    over = cv2.warpAffine(there, way, (width, height), flags=_INTO, borderValue=-1)
    seen = standing & (over >= 0)
    if _mismatch(over[seen], here[seen]) > WORTHWHILE * _mismatch(there[seen], here[seen]):
        return None
    return np.asarray(way, dtype=np.float64)


def _mismatch(one: Field, other: Field) -> float:
    """1 - correlation of pixels [N], whatever their brightness; 0 where there are none."""
    if not len(one):
        return 0.0
    one, other = one - one.mean(), other - other.mean()
    power = float(one @ one) * float(other @ other)
    return 1 - float(one @ other) / power**0.5 if power > 0 else 0.0


def laid_over(found: Field, way: Way | None) -> tuple[Field, tuple[slice, slice]]:
    """`found` [T,h,w,3] brought over by `way`, and the rectangle that it then covers."""
    import cv2

    height, width = found.shape[1:3]
    if way is None:
        return found, (slice(0, height), slice(0, width))
    size = (width, height)
    over = np.stack([cv2.warpAffine(one, way, size, flags=_INTO) for one in found])
    covered = cv2.warpAffine(np.ones((height, width), np.float32), way, size, flags=_INTO)
    rows = np.flatnonzero(covered.mean(axis=1) > 0.7)
    columns = np.flatnonzero(covered[rows].mean(axis=0) > 0.9) if len(rows) else rows
    if not len(columns):
        return found, (slice(0, height), slice(0, width))
    return over.astype(np.float32), (
        slice(rows[0], rows[-1] + 1),
        slice(columns[0], columns[-1] + 1),
    )


def relit(picture: Field, wanted: Field) -> Field:
    """`picture` [h,w,3] with the level and the contrast that `wanted` has in each channel."""
    level, spread = picture.mean(axis=(0, 1)), picture.std(axis=(0, 1)) + 1e-3
    lit = (picture - level) / spread * wanted.std(axis=(0, 1)) + wanted.mean(axis=(0, 1))
    return np.asarray(lit, dtype=np.float32)


def _grey(picture: Field) -> Field:
    import cv2

    return np.asarray(cv2.cvtColor(picture / np.float32(255), cv2.COLOR_RGB2GRAY), np.float32)
