"""Whether a process still runs."""

from __future__ import annotations

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Whether `process` itself runs, not one that bears its number now. One that has ended is in
    the system's list until its parent has asked for its status: in containers, where the first
    process may never ask, that can be for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
