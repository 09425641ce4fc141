"""One thread that generates, with a bounded queue before it: a pipeline is not thread-safe."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from api.errors import NotReady, QueueFull

Result = TypeVar("Result")

_FIRST_GUESS_S = 5.0
"""How long a clip takes, before one was made."""


class GeneratorQueue:
    """Runs jobs one after the other; refuses what would wait too far back."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slora-generator")
        self._lock = threading.Lock()
        self._accepted = 0
        self._last_s = _FIRST_GUESS_S
        self._stopping = threading.Event()

    @property
    def running(self) -> bool:
        """Does it take jobs?"""
        return not self._stopping.is_set()

    def submit(self, job: Callable[[], Result], max_waiting: int) -> Future[Result]:
        """Queue a job behind the running one. Raises QueueFull when `max_waiting` wait already."""
        with self._lock:
            if not self.running:
                raise NotReady("The service is stopping.")
            if self._accepted > max_waiting:
                raise QueueFull(max(1, math.ceil(self._last_s * self._accepted)))
            self._accepted += 1
            future = self._executor.submit(self._timed, job)
        future.add_done_callback(self._done)
        return future

    def on_step(self, _done: int, _steps: int) -> None:
        """Give up between two denoising steps when the service stops."""
        if self._stopping.is_set():
            raise NotReady("The service is stopping.")

    def close(self) -> None:
        """Drop what waits, stop what runs at its next step, and wait for the thread."""
        with self._lock:
            self._stopping.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _timed(self, job: Callable[[], Result]) -> Result:
        start = time.monotonic()
        result = job()
        self._last_s = time.monotonic() - start
        return result

    def _done(self, _future: Future[Result]) -> None:
        with self._lock:
            self._accepted -= 1
