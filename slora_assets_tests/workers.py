"""Commands as Dagster starts them, and how they ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from slora_assets.processes.starting import StartedWorker, can_fork, start_afresh, start_forked
from slora_assets_tests.waiting import PATIENCE_S


@dataclass(frozen=True)
class Ended:
    """How a command ended, and all that it said."""

    status: int
    said: str


def begin(module: str, arguments: Sequence[str]) -> StartedWorker:
    """Where it can be, the command is forked by a process that has imported torch, which saves most
    of the seconds of so short a run."""
    if can_fork():
        return start_forked(module, arguments, {})
    return start_afresh([sys.executable, "-m", module, *arguments], {})


def ended(worker: StartedWorker, timeout_s: float = PATIENCE_S) -> Ended:
    """Wait for the worker's end, listening."""
    with worker.output:
        said = worker.output.read().decode()
    return Ended(worker.wait(timeout_s), said)
