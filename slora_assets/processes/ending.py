"""How a worker ends, with every process that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import psutil

from slora_assets.processes.living import is_alive
from slora_assets.processes.starting import StartedWorker


def end_group(process: StartedWorker, grace_seconds: float) -> None:
    """Leave no process of the group: SIGTERM, time to checkpoint, SIGKILL."""
    if not _signal_group(process.pid, signal.SIGTERM):
        process.wait()
        return
    try:
        process.wait(grace_seconds)
        _wait_for_group(process.pid, grace_seconds)
    except (subprocess.TimeoutExpired, TimeoutError):
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_group(group: int, seconds: float) -> None:
    """The launcher may end before the trainer has checkpointed: wait for the group itself."""
    deadline = time.monotonic() + seconds
    while any(_is_of_group(process, group) for process in psutil.process_iter()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def _is_of_group(process: psutil.Process, group: int) -> bool:
    """Whether a process of the group still runs."""
    try:
        return os.getpgid(process.pid) == group and is_alive(process)
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to the group; False when no process of it is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
