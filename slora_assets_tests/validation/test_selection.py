"""The combined metric of an epoch, and which epochs are kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.errors import SloraError
from slora_assets.config.training import SelectionWeights
from slora_assets.training.between_epochs.selection import (
    EpochScores,
    choose,
    combined_score,
)

BASE = EpochScores(temporal=0.9, clip=0.28, held_out_loss=0.2)
EVEN = SelectionWeights(temporal=1, clip=1, held_out_loss=1)

unit = st.floats(0, 1)
loss = st.floats(1e-3, 10)
number = st.one_of(st.floats(-10, 10), st.sampled_from([0.0, 0.5, math.nan, math.inf, -math.inf]))
candidates = st.dictionaries(st.integers(0, 50), number, min_size=1, max_size=12)
keeps = st.integers(1, 14)


def test_the_sum_can_be_checked_by_hand() -> None:
    weights = SelectionWeights(temporal=2, clip=10, held_out_loss=0.5)
    epoch = EpochScores(temporal=0.8, clip=0.3, held_out_loss=0.1)
    assert combined_score(epoch, BASE, weights) == pytest.approx(2 * 0.8 + 10 * 0.3 - 0.5 * 0.5)


@given(temporal=unit, clip=unit, held_out=loss)
def test_freezing_never_pays(temporal: float, clip: float, held_out: float) -> None:
    moving = combined_score(EpochScores(temporal, clip, held_out), BASE, EVEN)
    assert combined_score(EpochScores(None, clip, held_out), BASE, EVEN) <= moving


@given(one=loss, other=loss)
def test_a_lower_loss_never_scores_lower(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scores = [combined_score(EpochScores(0.9, 0.3, x), BASE, EVEN) for x in (low, high)]
    assert scores[0] >= scores[1]


def test_a_nan_measurement_makes_a_nan_score() -> None:
    assert math.isnan(combined_score(EpochScores(0.9, 0.3, math.nan), BASE, EVEN))
    assert math.isnan(combined_score(EpochScores(math.nan, 0.3, 0.1), BASE, EVEN))


@pytest.mark.parametrize("held_out", [0.0, -1.0, math.nan, math.inf])
def test_a_base_without_a_usable_loss_is_refused(held_out: float) -> None:
    with pytest.raises(SloraError, match="held-out loss"):
        combined_score(BASE, EpochScores(0.9, 0.3, held_out), EVEN)


def test_weights_refuse_unknown_keys() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        SelectionWeights.model_validate({"temporl": 1})


def test_the_best_are_kept_best_first_and_the_rest_say_why() -> None:
    selection = choose({1: 0.5, 2: 0.9, 3: 0.7, 4: math.nan}, keep=2)
    assert selection.kept == (2, 3)
    assert [(p.epoch, p.rank, p.combined) for p in selection.pruned] == [(1, 3, 0.5), (4, 4, None)]
    assert "0.2000 behind epoch 3" in selection.pruned[0].reason
    assert "nan" in selection.pruned[1].reason


def test_ties_go_to_the_earlier_epoch() -> None:
    selection = choose({7: 0.5, 3: 0.5}, keep=1)
    assert selection.kept == (3,)
    assert "same as epoch 3" in selection.pruned[0].reason


def test_a_diverged_epoch_never_beats_a_finite_one() -> None:
    assert choose({1: math.inf, 2: math.nan, 3: -5.0}, keep=1).kept == (3,)


def test_keeping_none_is_refused() -> None:
    with pytest.raises(SloraError, match="at least one"):
        choose({1: 0.5}, keep=0)


@given(candidates, keeps)
def test_every_epoch_is_kept_or_pruned_once(scores: dict[int, float], keep: int) -> None:
    selection = choose(scores, keep)
    every = list(selection.kept) + [p.epoch for p in selection.pruned]
    assert sorted(every) == sorted(scores)
    assert len(selection.kept) == min(keep, len(scores))
    assert [p.rank for p in selection.pruned] == list(range(keep + 1, len(scores) + 1))


@given(candidates, keeps)
def test_nothing_pruned_is_better_than_anything_kept(scores: dict[int, float], keep: int) -> None:
    selection = choose(scores, keep)
    for pruned in selection.pruned:
        for epoch in selection.kept:
            if pruned.combined is not None:
                assert (scores[epoch], -epoch) > (pruned.combined, -pruned.epoch)
        assert pruned.reason.endswith(".")


@given(candidates, keeps)
def test_the_order_of_candidates_changes_nothing(scores: dict[int, float], keep: int) -> None:
    assert choose(dict(reversed(scores.items())), keep) == choose(scores, keep)


@given(candidates, keeps)
def test_keeping_more_only_adds(scores: dict[int, float], keep: int) -> None:
    assert choose(scores, keep + 1).kept[:keep] == choose(scores, keep).kept
