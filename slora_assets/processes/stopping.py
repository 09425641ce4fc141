"""When a worker is to stop: a signal asks it to, or whoever wants its result is gone."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Final

import psutil

SUPERVISOR: Final = "SLORA_SUPERVISOR_PID"
"""Environment variable: the process whose end must end the worker, launchers between or not."""

INTERRUPTED: Final = 143
"""Exit status after a request to stop: 128 + SIGTERM, as shells expect it."""


def stop_when_asked() -> threading.Event:
    """An event that SIGTERM, SIGINT and the end of the parent or of the supervisor set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    threading.Thread(target=_watch_parents, args=(stop,), daemon=True).start()
    return stop


def _watch_parents(stop: threading.Event) -> None:
    """Set `stop` when the parent process or the supervisor is gone; checked once per second."""
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
