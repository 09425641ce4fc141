"""The statistics of choices, against closed forms, books and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.validation.preferences.statistics import (
    Contest,
    alikeness,
    concordance,
    contest,
    informative_counts,
    krippendorff_alpha,
    strengths,
    wilson,
    win_probability,
)


def test_one_pair_alone_has_the_closed_form() -> None:
    found = strengths([Contest("a", "b", 22, 32)], "b")
    assert found["a"].value == pytest.approx(math.log(22.5 / 10.5))
    assert found["b"].value == found["b"].lower == found["b"].upper == 0
    assert win_probability(found["a"].value) == pytest.approx(22.5 / 33)
    assert strengths([Contest("b", "a", 10, 32)], "b")["a"].value == pytest.approx(found["a"].value)


def test_the_ends_are_where_the_likelihood_has_fallen_by_its_quantile() -> None:
    found = strengths([Contest("a", "b", 22, 32)], "b")["a"]

    def value(at: float) -> float:
        share = win_probability(at)
        return 22.5 * math.log(share) + 10.5 * math.log(1 - share)

    for end in (found.lower, found.upper):
        assert 2 * (value(found.value) - value(end)) == pytest.approx(3.841459, abs=1e-4)


def test_adapters_are_joined_through_the_base_and_through_each_other() -> None:
    star = strengths([Contest("a", "base", 24, 32), Contest("b", "base", 8, 32)], "base")
    assert star["a"].value == pytest.approx(math.log(24.5 / 8.5))
    assert star["b"].value == pytest.approx(-star["a"].value)
    chain = strengths([Contest("a", "b", 24, 32), Contest("b", "base", 24, 32)], "base")
    assert chain["a"].value == pytest.approx(2 * chain["b"].value)
    assert chain["a"].upper - chain["a"].lower > chain["b"].upper - chain["b"].lower
    with pytest.raises(ValueError, match="never compared"):
        strengths([Contest("a", "b", 1, 2)], "base")
    assert list(strengths([], "base")) == ["base"]


def test_scores_with_ties_are_half_wins() -> None:
    found = contest("a", "base", [[1.0], [0.5], [0.0], [1.0]])
    assert (found.wins, found.n) == (2.5, 4)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=6), max_size=12))
def test_a_prompt_counts_at_least_once_and_at_most_as_often_as_it_was_judged(
    groups: list[list[float]],
) -> None:
    assert 0 <= alikeness(groups) <= 1
    for group, count in zip(groups, informative_counts(groups), strict=True):
        assert (count == 0) if not group else (1 - 1e-9 <= count <= len(group) + 1e-9)


# Shares and agreement


def test_wilson_s_interval_is_that_of_the_book() -> None:
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    found, none = wilson(81, 263), wilson(0, 20)
    assert found and none
    assert (found.lower, found.upper) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert (none.lower, none.upper) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(0, 0) is None


def test_krippendorff_s_alpha_is_that_of_his_example() -> None:
    """Two observers, ten units, two values: alpha is 0.095 (Krippendorff 2011, section A)."""
    one, other = "0100000010", "1110010000"
    assert krippendorff_alpha([*zip(one, other, strict=True)]) == pytest.approx(0.095, abs=1e-3)


def test_agreement_of_copies_is_full_and_of_one_answer_is_not_defined() -> None:
    assert krippendorff_alpha([("a", "a"), ("b", "b"), ("c",)]) == 1
    assert krippendorff_alpha([("a", "a"), ("a", "a")]) is None
    assert krippendorff_alpha([("a",), ("b",)]) is None
    random = np.random.default_rng(0)
    units = [[*random.integers(0, 3, 3)] for _ in range(2000)]
    assert krippendorff_alpha(units) == pytest.approx(0, abs=0.05)


def test_concordance_leaves_out_what_is_undecided_and_says_what_chance_gives() -> None:
    found = concordance([(1, 2), (1, -1), (-1, -0.1), (0, 1), (1, 0)])
    assert (found.agreeing, found.n, found.undecided) == (2, 3, 2)
    assert found.by_chance == pytest.approx(2 / 3 * 1 / 3 + 1 / 3 * 2 / 3)
    assert found.share and found.share.value == pytest.approx(2 / 3)
    assert concordance([]).share is None
