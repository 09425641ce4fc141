"""When a worker is to stop: a signal asks it to, or whoever wants its result is gone."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Final

import psutil

from slora_assets.processes.living import is_alive

SUPERVISOR: Final = "SLORA_SUPERVISOR_PID"
"""Environment variable: the process whose end must end the worker, launchers between or not."""

INTERRUPTED: Final = 143
"""Exit status after a request to stop: 128 + SIGTERM, as shells expect it."""

GRACE_S: Final = 60.0
"""Time that an abandoned worker has to checkpoint before it is killed."""


def heed_signals() -> None:
    """Have SIGTERM mean what Ctrl-C means, and both be heard.

    A shell has what it starts in a script's background ignore SIGINT, and with SIGINT Dagster ends
    all that it has started: then nothing but SIGKILL would end it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


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
    """Set `stop` when the parent process or the supervisor is gone; checked once per second. If the
    worker has not stopped after a while, kill it: a supervisor that is gone won't."""
    parent, named = os.getppid(), os.environ.get(SUPERVISOR)
    with suppress(psutil.NoSuchProcess, ValueError):  # it was gone before this worker began
        supervisor = psutil.Process(int(named)) if named else None
        while os.getppid() == parent and (supervisor is None or is_alive(supervisor)):
            time.sleep(1.0)
    stop.set()
    if named:
        time.sleep(GRACE_S)
        if os.getpgrp() == os.getpid():  # of several trainers each ends itself, then the launcher
            os.killpg(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
