"""Samples of both sides become pairs: what each prompt shares with others, and which prompts draw
nearly the same clip and count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slora_assets.documents import PromptPair
from slora_assets.validation.sampling import Sample

_ROUNDING: Final = 1e-9


def paired(
    base: Sequence[Sample], adapter: Sequence[Sample], same_clip: float | None
) -> list[PromptPair]:
    """Pair samples of the same prompts and seeds, in the same order.

    Prompts whose clips of one side differ by at most `same_clip` (mean absolute difference of
    intensities 0..1) with every seed count as the first of them: asked twice, answered once.
    None: each counts as itself.
    """
    counts_as = {one.prompt.id: one.prompt.id for one in base}
    if same_clip is not None:
        counts_as = _first_alike(base, adapter, same_clip)
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
            counts_as=counts_as[one.prompt.id],
            base=one.metrics(),
            adapter=other.metrics(),
            base_frozen=one.temporal.frozen,
            adapter_frozen=other.temporal.frozen,
            difference=_difference(one.frames, other.frames),
        )
        for one, other in zip(base, adapter, strict=True)
    ]


def _first_alike(
    base: Sequence[Sample], adapter: Sequence[Sample], same_clip: float
) -> dict[str, str]:
    """Prompt -> the first prompt that it is joined with by nearly the same clips on one side, from
    one to the next, or itself."""
    sides = [_by_prompt(base), _by_prompt(adapter)]
    prompts = list(sides[0])
    counts_as: dict[str, str] = {}
    for at, prompt in enumerate(prompts):
        joined: set[str] = set()
        for other in prompts[:at]:
            if counts_as[other] not in joined and any(
                _alike(side[prompt], side[other], same_clip) for side in sides
            ):
                joined.add(counts_as[other])
        first = min(joined, key=prompts.index, default=prompt)
        counts_as[prompt] = first
        counts_as.update({name: first for name, old in counts_as.items() if old in joined})
    return counts_as


class _Compared(NamedTuple):
    """A clip, and the mean [T, W, 3] of each of its columns."""

    frames: NDArray[np.uint8]
    columns: NDArray[np.float64]


def _by_prompt(samples: Sequence[Sample]) -> dict[str, list[_Compared]]:
    found: dict[str, list[_Compared]] = {}
    for sample in samples:
        columns = sample.frames.mean(axis=1, dtype=np.float64)
        found.setdefault(sample.prompt.id, []).append(_Compared(sample.frames, columns))
    return found


def _alike(one: Sequence[_Compared], other: Sequence[_Compared], same_clip: float) -> bool:
    return all(_near(a, b, same_clip) for a, b in zip(one, other, strict=True))


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
