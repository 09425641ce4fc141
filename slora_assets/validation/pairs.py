"""Samples of both sides become pairs: what each prompt shares with others, and which prompts draw
nearly the same clip and count as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slora_assets.documents import PromptPair
from slora_assets.validation.sampling import Sample


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


def _by_prompt(samples: Sequence[Sample]) -> dict[str, list[NDArray[np.uint8]]]:
    found: dict[str, list[NDArray[np.uint8]]] = {}
    for sample in samples:
        found.setdefault(sample.prompt.id, []).append(sample.frames)
    return found


def _alike(
    one: Sequence[NDArray[np.uint8]], other: Sequence[NDArray[np.uint8]], same_clip: float
) -> bool:
    return all(_difference(a, b) <= same_clip for a, b in zip(one, other, strict=True))


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two clips, intensities 0..1."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean()) / 255
