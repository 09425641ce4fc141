"""Samples of both sides become pairs: what each prompt shares with others, and which of them draw
nearly the same clip, as prompts that mean the same do, and count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from slora_assets.documents import PromptPair
from slora_assets.validation.sampling import Sample

_ROUNDING: Final = 1e-9


def paired(
    base: Sequence[Sample], adapter: Sequence[Sample], same_clip: float | None
) -> list[PromptPair]:
    """Pair samples of the same prompts and seeds, in the same order.

    Pairs whose clips of one side differ by at most `same_clip` (mean absolute difference of
    intensities 0..1) count as the first of them: asked twice, answered once. None: each counts as
    itself.
    """
    counts_as = range(len(base)) if same_clip is None else _first_alike(base, adapter, same_clip)
    return [
        PromptPair(
            prompt_id=one.prompt.id,
            prompt=one.prompt.text,
            seed=one.seed,
            labels={
                kind: label
                for kind in ("subject", "motion", "template")
                if (label := getattr(one.prompt, kind)) is not None
            },
            counts_as=base[first].prompt.id,
            counts_as_seed=None if base[first].seed == one.seed else base[first].seed,
            base=one.metrics(),
            adapter=other.metrics(),
            base_frozen=one.temporal.frozen,
            adapter_frozen=other.temporal.frozen,
            difference=_difference(one.frames, other.frames),
        )
        for one, other, first in zip(base, adapter, counts_as, strict=True)
    ]


def _first_alike(
    base: Sequence[Sample], adapter: Sequence[Sample], same_clip: float
) -> Sequence[int]:
    """Of each pair the place of the first that it is joined with by nearly the same clips on one
    side, from one to the next, or its own."""
    near = np.zeros((len(base), len(base)), bool)
    for side in (base, adapter):
        clips = [_compared(sample) for sample in side]
        for at, other in combinations(range(len(clips)), 2):
            near[at, other] |= _near(clips[at], clips[other], same_clip)
    _, joined = connected_components(near, directed=False)
    _, first, component = np.unique(joined, return_index=True, return_inverse=True)
    found: list[int] = first[component].tolist()
    return found


class _Compared(NamedTuple):
    """A clip, and the mean [T, W, 3] of each of its columns."""

    frames: NDArray[np.uint8]
    columns: NDArray[np.float64]


def _compared(sample: Sample) -> _Compared:
    return _Compared(sample.frames, sample.frames.mean(axis=1, dtype=np.float64))


def _near(one: _Compared, other: _Compared, same_clip: float) -> bool:
    """Do two clips differ by at most so much? Means never differ by more than what they are of, so
    most are told apart by a small part of the work, which for full-size clips is minutes."""
    at_least = float(np.abs(one.columns - other.columns).mean()) / 255
    if at_least > same_clip + _ROUNDING:
        return False
    return _difference(one.frames, other.frames) <= same_clip


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two clips, intensities 0..1."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean()) / 255
