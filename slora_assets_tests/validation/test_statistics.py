"""Bounds of a mean: as wide as what the values share asks for, and no wider."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from slora_assets.validation.gate.statistics import Bounds, bca_bounds, mean_bounds

PROMPTS = 32
T_95 = 1.6955
"""Student's 95 % quantile with 31 degrees of freedom."""
MOTIONS = [str(i % 4) for i in range(PROMPTS)]


def bounds(
    values: NDArray[np.float64], labels: dict[str, list[str]] | None = None, **more: float
) -> Bounds:
    return mean_bounds(values, labels or {}, 0.95, samples=500, seed=0, **more)


def normal(seed: int = 0, n: int = PROMPTS) -> NDArray[np.float64]:
    """Normal values of which the mean is 0 and the standard deviation 1."""
    values = np.random.default_rng(seed).normal(size=n)
    return np.asarray((values - values.mean()) / values.std(ddof=1))


# Values without anything in common


def test_the_bootstrap_matches_students_t_for_normal_differences() -> None:
    lower, upper = bca_bounds(normal(), 0.95, 20_000, 0)
    assert lower == pytest.approx(-T_95 / math.sqrt(PROMPTS), rel=0.08)
    assert upper == pytest.approx(T_95 / math.sqrt(PROMPTS), rel=0.08)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_of_independent_values_are_students_t_or_where_a_tail_reaches_farther(
    seed: int,
) -> None:
    found, reach = bounds(normal(seed)), T_95 / math.sqrt(PROMPTS)
    assert found.mean == pytest.approx(0, abs=1e-12)
    assert -1.1 * reach <= found.lower <= -reach * (1 - 1e-4)
    assert reach * (1 - 1e-4) <= found.upper <= 1.1 * reach


def test_a_long_tail_reaches_farther_than_students_t() -> None:
    values = -np.random.default_rng(0).lognormal(size=PROMPTS)
    draws = np.random.default_rng(0).integers(0, PROMPTS, (5000, PROMPTS))
    percentile = float(np.quantile(values[draws].mean(axis=1), 0.05))
    assert bca_bounds(values, 0.95, 5000, 0)[0] < percentile
    reach = T_95 * values.std(ddof=1) / math.sqrt(PROMPTS)
    assert bounds(values).lower < values.mean() - reach * 1.05


@pytest.mark.parametrize(
    "labels",
    [
        {"template": ["one"] * PROMPTS},
        {"motion": ["left", "right"] * 16},
        {"subject": [str(i) for i in range(PROMPTS)]},
        {"template": ["one"] * PROMPTS, "subject": [str(i) for i in range(PROMPTS)]},
    ],
    ids=["one", "two", "all different", "one and all different"],
)
def test_labels_that_group_nothing_or_are_all_there_are_change_nothing(
    labels: dict[str, list[str]],
) -> None:
    values = normal()
    assert bounds(values, labels) == bounds(values)
    assert bounds(values, labels).shares == {}


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.floats(0.6, 0.999))
@hypothesis_settings(max_examples=50)
def test_the_bootstrap_s_bounds_are_ordered_and_within_the_values(
    values: list[float], confidence: float
) -> None:
    lower, upper = bca_bounds(np.array(values), confidence, 500, 0)
    assert min(values) - 1e-9 <= lower <= upper + 1e-9 <= max(values) + 2e-9


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.sampled_from("abcdef")), min_size=2, max_size=40),
    st.floats(0, 1),
)
@hypothesis_settings(max_examples=50)
def test_bounds_are_numbers_around_the_mean_whatever_is_shared(
    pairs: list[tuple[float, str]], more: float
) -> None:
    values = np.array([value for value, _ in pairs])
    found = bounds(values, {"kind": [label for _, label in pairs]}, more_variance=more)
    assert found.lower - 1e-12 <= found.mean <= found.upper + 1e-12
    assert math.isfinite(found.lower) and math.isfinite(found.upper)
    assert all(0 <= share <= 1 for share in found.shares.values())


def test_equal_values_are_as_certain_as_their_yardstick() -> None:
    same = np.full(PROMPTS, 0.25)
    assert (bounds(same).lower, bounds(same).upper) == (0.25, 0.25)
    assert bounds(same, more_variance=0.01).lower == pytest.approx(0.25 - 1.6449 * 0.1, abs=1e-4)


# Values that share something


def test_two_names_of_one_grouping_count_once() -> None:
    values = normal()
    once = bounds(values, {"motion": MOTIONS})
    renamed = [f"way {one}" for one in MOTIONS]
    twice = bounds(values, {"motion": MOTIONS, "template": renamed})
    assert (twice.lower, twice.upper) == (once.lower, once.upper)


def test_what_prompts_share_is_estimated_and_makes_the_bounds_wider() -> None:
    random = np.random.default_rng(1)
    labels = [str(i % 8) for i in range(320)]
    effect = dict(zip(map(str, range(8)), random.normal(0, math.sqrt(0.5), 8), strict=True))
    values = np.array([effect[one] + random.normal(0, math.sqrt(0.5)) for one in labels])
    alone, found = bounds(values), bounds(values, {"subject": labels})
    assert found.shares["subject"] == pytest.approx(0.5, abs=0.25)
    assert found.lower < alone.lower - 3 * (alone.mean - alone.lower)


def test_labels_that_have_nothing_to_do_with_the_values_hardly_change_the_bounds() -> None:
    random = np.random.default_rng(2)
    alone, labelled = [], []
    for _ in range(50):
        values = random.normal(size=PROMPTS)
        for found, labels in ((alone, {}), (labelled, {"motion": MOTIONS})):
            one = bounds(values, labels)
            found.append(one.mean - one.lower)
    assert np.mean(labelled) < 1.35 * np.mean(alone)


def _passed(share: float, draws: int = 400) -> tuple[float, float]:
    """How often 32 prompts of which four motions share a part of the variance pass a true loss of
    exactly one margin, their standard deviation being two: with labels, and without."""
    random = np.random.default_rng(0)
    with_labels = without = 0
    for _ in range(draws):
        shared = random.normal(0, 2 * math.sqrt(share), 4)[np.arange(PROMPTS) % 4]
        values = -1 + shared + random.normal(0, 2 * math.sqrt(1 - share), PROMPTS)
        with_labels += bounds(values, {"motion": MOTIONS}).lower > -1
        without += bounds(values).lower > -1
    return with_labels / draws, without / draws


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_true_loss_of_one_margin_passes_at_most_about_one_time_in_twenty(share: float) -> None:
    with_labels, without = _passed(share)
    sampling_error = math.sqrt(0.06 * 0.94 / 400)
    assert with_labels <= 0.06 + 2 * sampling_error
    assert without > with_labels + 2 * sampling_error, "prompts taken as independent pass too often"
