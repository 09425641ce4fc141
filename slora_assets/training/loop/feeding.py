"""Batches ahead of the steps: cache files are read and noise is drawn while a step computes.

What a batch holds is a function of (run seed, step, sample), so that reading ahead changes nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

import torch

Item = TypeVar("Item")

_MOST_AHEAD: Final = 8
_SMOOTHING: Final = 0.2
"""Weight of the newest measurement in the running means."""


class Feeder(Generic[Item]):
    """Makes items 0, 1, 2, … in a thread of its own, so many ahead as their making needs.

    How many: the time an item takes to make over the time its use takes, both measured.
    """

    def __init__(self, make: Callable[[int], Item], first: int, end: int) -> None:
        """Items from `first` up to, but without, `end`."""
        self._make, self._next, self._end = make, first, end
        self._threads = torch.get_num_threads()
        # A second team of threads on the same cores would make the first one sleep at every
        # operator instead of waiting awake: steps of a small model take twice as long.
        self._pool = ThreadPoolExecutor(
            1, "feeder", initializer=torch.set_num_threads, initargs=(1,)
        )
        self._ahead: deque[Future[tuple[Item, float]]] = deque()
        self._making_s = self._using_s = 0.0
        self._handed_over: float | None = None
        self._fill()

    @property
    def depth(self) -> int:
        """How many items are made ahead now."""
        if self._using_s == 0.0:
            return 1
        return min(_MOST_AHEAD, 1 + math.ceil(self._making_s / self._using_s))

    def take(self) -> Item:
        """The next item; raises what its making raised."""
        now = time.perf_counter()
        if self._handed_over is not None:
            self._using_s = _mean(self._using_s, now - self._handed_over)
        item, took = self._ahead.popleft().result()
        self._making_s = _mean(self._making_s, took)
        self._fill()
        self._handed_over = time.perf_counter()
        return item

    def close(self) -> None:
        """Stop making; what was made ahead is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._threads)

    def _fill(self) -> None:
        while self._next < self._end and len(self._ahead) < self.depth:
            self._ahead.append(self._pool.submit(self._timed, self._next))
            self._next += 1

    def _timed(self, number: int) -> tuple[Item, float]:
        began = time.perf_counter()
        return self._make(number), time.perf_counter() - began


def _mean(before: float, now: float) -> float:
    return now if before == 0.0 else before + _SMOOTHING * (now - before)
