"""The accelerator is used by one process of a workspace at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from filelock import lock_descriptor

from slora_assets.config.errors import InterruptedRunError, TrainingError

LOCK_WAIT_S: Final = 600.0
"""How long a process waits, unless it is told otherwise."""


class Stop(Protocol):
    """Tells a waiting process to give up; a `threading.Event` is one."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds at most; whether to give up."""


@contextmanager
def accelerator_lock(
    path: Path, stop: Stop, report: Callable[[str], None], patience_s: float | None = None
) -> Iterator[None]:
    """Hold the lock at `path`, in which the holder's process stands; `report` says who is waited
    for. Raises InterruptedRunError when `stop` is set first, TrainingError after `patience_s`, by
    default ten minutes."""
    patience_s = LOCK_WAIT_S if patience_s is None else patience_s
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
            if time.monotonic() - began > patience_s:
                raise TrainingError(
                    f"process {holder} has used the accelerator for over {_lasting(patience_s)}",
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


def _lasting(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
