"""How a stage says how far it is: once, through a callback; the edge decides how it looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total); may raise to end the stage."""

_EVERY_S: Final = 3.0
"""Seconds between two lines of progress."""


def progress_lines(say: Callable[[str], None], what: str) -> ProgressCallback:
    """A callback that says a line at most every few seconds, and at the end of what took long."""
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY_S or (done == total and now - began >= _EVERY_S):
            last = now
            say(f"{what}: {done}/{total}")

    return progress
