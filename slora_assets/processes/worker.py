"""What every process that may use the accelerator needs: signals, its parent, the lock, Pipes.

A worker that is asked to stop, or whose parent is gone, finishes the step it is in, checkpoints and
leaves; two workers of one workspace never use the accelerator at the same time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from filelock import lock_descriptor

from slora_assets.config.errors import InterruptedRunError, SloraError, TrainingError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.preloading import configure_libraries

SUPERVISOR = "SLORA_SUPERVISOR_PID"
"""Environment variable: the process whose end must end the worker, launchers between or not."""

LOCK_WAIT_S = 600.0

INTERRUPTED = 143
"""Exit status after a request to stop: 128 + SIGTERM, as shells expect it."""


@dataclass(frozen=True)
class WorkerContext:
    """What a stage running in this process may call."""

    report: Callable[[str], None]
    """Say a line to whoever watches."""
    hand_over: Callable[[Any], None]
    """Give the caller a result that is JSON; by hand it is printed."""
    should_stop: Callable[[], bool]


def exit_status(work: Callable[[], int]) -> int:
    """What `work` returns, as a worker's exit status; failures are said on standard error."""
    try:
        return work()
    except InterruptedRunError as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return INTERRUPTED
    except SloraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


@contextmanager
def worker(workspace: Workspace) -> Iterator[WorkerContext]:
    """Enter a worker process: handle SIGTERM and SIGINT, watch the parents, hold the lock.

    Only the first of several processes locks and reports. Raises TrainingError when another worker
    holds the lock for longer than ten minutes.
    """
    configure_libraries()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    threading.Thread(target=_watch_parents, args=(stop,), daemon=True).start()
    first = os.environ.get("RANK", "0") == "0"
    with ExitStack() as stack:
        report, hand_over = stack.enter_context(_reporting()) if first else (_silent, _silent)
        if first:
            stack.enter_context(_accelerator_lock(workspace.gpu_lock, stop, report))
        yield WorkerContext(report, hand_over, stop.is_set)


def _silent(_said: Any) -> None:
    """Processes other than the first say nothing."""


@contextmanager
def _reporting() -> Iterator[tuple[Callable[[str], None], Callable[[Any], None]]]:
    """Print lines and results, or send them through Pipes when Dagster launched this process."""
    from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

    if DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        yield _print, lambda result: print(json.dumps(result))
        return
    with open_dagster_pipes() as pipes:
        yield pipes.log.info, pipes.report_custom_message


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _watch_parents(stop: threading.Event) -> None:
    """Set `stop` when the parent process or the supervisor is gone; checked once a second."""
    parent = os.getppid()
    named = os.environ.get(SUPERVISOR)
    try:
        supervisor = psutil.Process(int(named)) if named else None
    except (psutil.NoSuchProcess, ValueError):  # it was gone before this worker began
        stop.set()
        return
    while not stop.wait(1.0):
        orphaned = os.getppid() != parent
        if orphaned or (supervisor is not None and not supervisor.is_running()):
            stop.set()


@contextmanager
def _accelerator_lock(
    path: Path, stop: threading.Event, report: Callable[[str], None]
) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        began, told = time.monotonic(), False
        while True:
            if lock_descriptor(stream.fileno(), blocking=False):
                break
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            if not told:
                report(f"waiting for the accelerator, which process {holder} uses")
                told = True
            if time.monotonic() - began > LOCK_WAIT_S:
                raise TrainingError(
                    f"process {holder} has used the accelerator for over"
                    f" {LOCK_WAIT_S / 60:.0f} minutes",
                    file=path,
                    remedy="wait for it, or stop it",
                )
            if stop.wait(0.5):
                raise InterruptedRunError("stopped while waiting for the accelerator, as asked")
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield
