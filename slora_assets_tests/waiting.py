"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from slora_assets.processes.living import is_alive

if TYPE_CHECKING:
    import psutil

Found = TypeVar("Found")

PATIENCE_S: Final = 300.0
"""Until what hasn't come counts as never coming. Generous: what takes 20 s alone has taken 100
beside the other tests on two cores, and how long something takes is no test's matter."""


def wait_for(
    condition: Callable[[], Found],
    what: str | Callable[[], object] = "an answer",
    every_s: float = 0.05,
) -> Found:
    """What `condition` returns once that is true of it; `what` tells what was missing."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            missing = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {PATIENCE_S:g} s for {missing}")
        time.sleep(every_s)
    return found


def wait_for_end_of(*processes: psutil.Process) -> None:
    """Whoever their parents are."""
    wait_for(lambda: not any(map(is_alive, processes)), f"the end of {processes}")
