"""What every process that may use the accelerator needs: signals, its parent, the lock, Pipes.

A worker that is asked to stop, or whose parent is gone, finishes the step it is in, checkpoints and
leaves; two workers of one workspace never use the accelerator at the same time.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from slora_assets.config import edge
from slora_assets.config.environment import LANES, count
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.accelerator_lock import MOST_LANES, accelerator_lock, held_lock
from slora_assets.processes.preloading import configure_libraries
from slora_assets.processes.relay import WORK, hand_over, say
from slora_assets.processes.stopping import INTERRUPTED, stop_when_asked
from slora_assets.provenance import Json


@dataclass(frozen=True)
class WorkerContext:
    """What a stage running in this process may call."""

    report: Callable[[str], None]
    """Say a line to whoever watches."""
    hand_over: Callable[[Json], None]
    """Give the caller a result; by hand it is printed."""
    should_stop: Callable[[], bool]


def exit_status(work: Callable[[], int]) -> int:
    """What `work` returns, as a worker's exit status; failures are said on standard error."""

    def stopped_or_done() -> int:
        try:
            return work()
        except InterruptedRunError as error:
            print(f"interrupted: {error}", file=sys.stderr)
            return INTERRUPTED

    return edge.exit_status(stopped_or_done)


@contextmanager
def worker(workspace: Workspace, work: str | None = None) -> Iterator[WorkerContext]:
    """Enter a worker process: handle SIGTERM and SIGINT, watch the parents, hold the lock.

    Only the first of several processes locks and reports. On a cluster only those that do the same
    `work` lock each other out, by default what the environment says; where that has lanes, as many
    workers as there are. One that Dagster launched waits as long as it takes: its run says for
    whom, and is cancelled in the UI. Raises TrainingError for another when the lock is held for
    longer than ten minutes, ConfigError for a number of lanes that is none.
    """
    configure_libraries()
    stop = stop_when_asked()
    first = os.environ.get("RANK", "0") == "0"
    work = work or os.environ.get(WORK)
    with ExitStack() as stack:
        report, hand = stack.enter_context(_reporting()) if first else (_silent, _silent)
        if first:
            patience_s = math.inf if _launched_by_dagster() else None
            if work:
                lock = held_lock(workspace.work_lock(work), stop, report, patience_s)
            else:
                lanes = count(LANES, MOST_LANES) or 1
                lock = accelerator_lock(workspace.gpu_lock, stop, report, patience_s, lanes)
            stack.enter_context(lock)
        yield WorkerContext(report, hand, stop.is_set)


def _silent(_said: object) -> None:
    """Processes other than the first say nothing."""


@contextmanager
def _reporting() -> Iterator[tuple[Callable[[str], None], Callable[[Json], None]]]:
    """Print lines and results, or send them through Pipes when Dagster launched this process."""
    from dagster_pipes import open_dagster_pipes

    if _launched_by_dagster():
        with open_dagster_pipes() as pipes:
            yield pipes.log.info, pipes.report_custom_message
    elif WORK in os.environ:
        yield say, hand_over
    else:
        yield _print, lambda result: print(json.dumps(result))


def _launched_by_dagster() -> bool:
    from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR

    return DAGSTER_PIPES_CONTEXT_ENV_VAR in os.environ


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
