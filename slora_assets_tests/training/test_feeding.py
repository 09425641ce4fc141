"""Batches made ahead are the batches, in order; arrays in memory stay within their bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.errors import MissingInputError
from slora_assets.training.loop.feeding import Feeder


@given(first=st.integers(0, 20), count=st.integers(1, 40))
def test_items_come_in_order_and_each_once(first: int, count: int) -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    feeder = Feeder(make, first, first + count)
    try:
        taken = [feeder.take() for _ in range(count)]
    finally:
        feeder.close()
    assert taken == made == list(range(first, first + count))


@pytest.mark.usefixtures("two_threads")
def test_making_takes_one_thread_and_leaves_the_user_of_the_items_theirs() -> None:
    feeder = Feeder(lambda _: torch.get_num_threads(), 0, 2)
    try:
        assert feeder.take() == 1
        assert torch.get_num_threads() == 2
    finally:
        feeder.close()
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2


def test_an_unreadable_file_is_reported_by_the_step_that_needs_it() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise MissingInputError("the cache file does not exist", file="clip.npz")
        return number

    feeder = Feeder(make, 0, 5)
    try:
        assert [feeder.take(), feeder.take()] == [0, 1]
        with pytest.raises(MissingInputError, match=r"clip\.npz"):
            feeder.take()
    finally:
        feeder.close()
