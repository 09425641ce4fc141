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


class Stop(Protocol):
    """Tells a waiting process to give up; a `threading.Event` is one."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds at most; whether to give up."""


@contextmanager
def accelerator_lock(path: Path, stop: Stop, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock at `path`, in which the holder's process stands; `report` says who is waited
    for. Raises InterruptedRunError when `stop` is set first, TrainingError after ten minutes."""
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
