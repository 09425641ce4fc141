"""Which prompts count as one: those that draw nearly the same clip on a side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.curation.validation_prompts import Prompt
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal
from slora_assets.validation.pairs import paired
from slora_assets.validation.sampling import Sample

SAME_CLIP = 2 / 255
SHAPE = (3, 16, 16, 3)
Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def temporal() -> TemporalScore:
    return measure_temporal(np.zeros(SHAPE, np.uint8), 8)


@pytest.fixture
def side(temporal: TemporalScore) -> Side:
    return Side(temporal)


class Side:
    """Samples of one side from the grey levels of their clips: a row per prompt, each of its
    seeds."""

    def __init__(self, temporal: TemporalScore) -> None:
        self._temporal = temporal

    def __call__(self, *levels: Sequence[int]) -> list[Sample]:
        return [
            Sample(_prompt(number), seed, _grey(level), self._temporal, 0.25, 0.1)
            for number, row in enumerate(levels)
            for seed, level in enumerate(row)
        ]


def _prompt(number: int) -> Prompt:
    return Prompt(f"beach_{number:02}", "beach", f"a beach, {number}", subject=f"boat {number}")


def _grey(level: int) -> Frames:
    return np.full(SHAPE, level, np.uint8)


def _counts(base: list[Sample], adapter: list[Sample], same_clip: float = SAME_CLIP) -> list[int]:
    """For each pair the number of the prompt that it counts as, of one seed each."""
    return [int(pair.counts_as[-2:]) for pair in paired(base, adapter, same_clip)]


def _counts_as(base: list[Sample], adapter: list[Sample]) -> list[tuple[int, int]]:
    """For each pair the number of the prompt, and the seed, that it counts as."""
    pairs = paired(base, adapter, SAME_CLIP)
    return [(int(pair.counts_as[-2:]), pair.first_seed) for pair in pairs]


def test_prompts_with_the_same_clips_on_one_side_count_as_the_first(side: Side) -> None:
    apart = side([0], [50], [100])
    alike = side([0], [0], [100])
    assert _counts(apart, apart) == [0, 1, 2]
    assert _counts(alike, apart) == [0, 0, 2], "the base answered once"
    assert _counts(apart, alike) == [0, 0, 2], "the adapter answered once"


def test_what_is_the_same_is_a_matter_of_the_limit(side: Side) -> None:
    apart = side([0], [100])
    assert _counts(apart, side([10], [12])) == [0, 0]
    assert _counts(apart, side([10], [13])) == [0, 1]
    assert _counts(apart, side([10], [13]), same_clip=3 / 255) == [0, 0]
    assert _counts(apart, side([10], [10]), same_clip=0) == [0, 0]


def test_a_chain_of_neighbours_is_one_prompt(side: Side) -> None:
    """Also across the sides: 1 is like 0 for the base, 2 like 1 for the adapter."""
    apart = side([0], [50], [100], [150])
    assert _counts(side([0], [2], [4], [6]), apart) == [0, 0, 0, 0]
    assert _counts(side([0], [0], [100], [150]), side([0], [50], [50], [150])) == [0, 0, 0, 3]


def test_a_prompt_that_joins_two_others_makes_them_one(side: Side) -> None:
    """0 and 1 are apart, and the third is like both."""
    apart = side([0], [50], [100])
    assert _counts(side([10], [14], [12]), apart) == [0, 0, 0]
    assert _counts(side([0], [50], [0]), side([0], [50], [50])) == [0, 0, 0]


def test_prompts_with_the_same_clips_count_once_with_each_seed(side: Side) -> None:
    apart = side([0, 10], [50, 60])
    itself = [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert _counts_as(apart, apart) == itself
    assert _counts_as(apart, side([0, 10], [0, 10])) == [(0, 0), (0, 1)] * 2
    assert _counts_as(apart, side([0, 10], [0, 60])) == [(0, 0), (0, 1), (0, 0), (1, 1)]
    assert _counts_as(apart, side([0, 10], [10, 60])) == [(0, 0), (0, 1), (0, 1), (1, 1)]


def test_an_adapter_that_draws_one_clip_with_all_seeds_has_drawn_one(side: Side) -> None:
    apart = side([0, 10, 20], [50, 60, 70])
    assert _counts_as(apart, side([5, 5, 5], [90, 90, 90])) == [(0, 0)] * 3 + [(1, 0)] * 3
    assert _counts_as(apart, side([5, 5, 5], [5, 5, 5])) == [(0, 0)] * 6


def test_a_pair_keeps_seed_labels_scores_and_difference(side: Side) -> None:
    first, second, *_ = paired(side([0, 0], [90, 90]), side([51, 0], [120, 120]), SAME_CLIP)
    assert (first.prompt_id, first.seed, second.seed) == ("beach_00", 0, 1)
    assert first.labels == {"subject": "boat 0"}, "it has no motion and no template"
    assert (first.difference, second.difference) == (pytest.approx(0.2), 0)
    assert first.base_frozen and first.adapter_frozen
    assert (first.base["clip_similarity"], first.base["scenario_margin"]) == (0.25, 0.1)
    assert first.base["steadiness"] is None, "a frozen clip isn't steady"


def test_clips_that_are_alike_on_average_alone_are_two(temporal: TemporalScore) -> None:
    """A subject at the top and the same one at the bottom have the same columns on average."""
    top = np.zeros(SHAPE, np.uint8)
    top[:, :4] = 200
    clips = (top, top[:, ::-1].copy())
    samples = [Sample(_prompt(n), 0, clip, temporal, 0.25, 0.1) for n, clip in enumerate(clips)]
    assert _counts(samples, samples) == [0, 1]
