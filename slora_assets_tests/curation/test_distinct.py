"""Texts that say the same are one, texts that don't are two."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.curation.distinct import DistinctTexts

WORDS = st.lists(
    st.sampled_from(["red", "blue", "car", "dog", "runs", "left", "right", "kitchen", "singing"]),
    min_size=1,
    max_size=6,
)


def _one(first: str, second: str) -> bool:
    said = DistinctTexts()
    assert said.add(first)
    return not said.add(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A man cooks.", "a man COOKS"),
        ("a man is cooking", "the man cooks"),
        ("on the street, a dog", "a dog on the street"),
        ("a woman in the kitchen", "a woman in the kitchn"),
        ("cars are running", "a car runs"),
        ("stories", "a story"),
        ("一只狗", "一只狗。"),
    ],
)
def test_one(first: str, second: str) -> None:
    assert _one(first, second)
    assert _one(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a red car moving left", "a red car moving right"),
        ("a man is talking", "a man is walking"),
        ("a person makes cookies", "a person is cooking"),
        ("a woman sings", "a woman sings in a store"),
        ("a pan", "a can"),
    ],
)
def test_two(first: str, second: str) -> None:
    assert not _one(first, second)


@given(WORDS, st.randoms(use_true_random=False))
def test_order_case_and_signs_don_t_matter(words: list[str], random: Random) -> None:
    mixed = list(words)
    random.shuffle(mixed)
    assert _one(" ".join(words), f"The {', '.join(mixed).upper()}!")


@given(st.lists(WORDS.map(" ".join), max_size=12))
def test_what_was_met_is_met_still(texts: list[str]) -> None:
    said = DistinctTexts()
    added = [text for text in texts if said.add(text)]
    assert all(text in said for text in texts)
    again = DistinctTexts()
    assert [text for text in added if again.add(text)] == added
