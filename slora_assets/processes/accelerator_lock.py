"""The accelerator is used by one process of a workspace at a time, or by one in each of its lanes.

Processes whose work is small enough to go side by side share it out in lanes, a file for each. Who
needs it as a whole holds the workspace's lock; who needs a lane holds that while it takes one, so
that none is taken from then on, and waits for the lanes that are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from filelock import lock_descriptor

from slora_assets.config.errors import InterruptedRunError, TrainingError

LOCK_WAIT_S: Final = 600.0
"""How long a process waits, unless it is told otherwise."""

MOST_LANES: Final = 8


class Stop(Protocol):
    """Tells a waiting process to give up; a `threading.Event` is one."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds at most; whether to give up."""


@contextmanager
def accelerator_lock(
    path: Path,
    stop: Stop,
    report: Callable[[str], None],
    patience_s: float | None = None,
    lanes: int = 1,
) -> Iterator[None]:
    """Have the accelerator that the lock at `path` guards: as a whole, or one of its `lanes` where
    there are several. `report` says who is waited for.

    Raises InterruptedRunError when `stop` is set first, TrainingError after `patience_s`, by
    default ten minutes.
    """
    folder = path.parent / "locks"
    with ExitStack() as stack:
        if lanes == 1:
            stack.enter_context(held_lock(path, stop, report, patience_s))
            for lane in sorted(folder.glob(f"{path.stem}.*{path.suffix}")):
                stack.enter_context(held_lock(lane, stop, report, patience_s))
        else:
            files = [folder / f"{path.stem}.{number}{path.suffix}" for number in range(lanes)]

            def holder_of_all() -> str | None:
                with ExitStack() as briefly:
                    holders = [_holder(path, briefly)]
                    for file in files if holders == [None] else ():
                        holders.append(_holder(file, stack))
                        if holders[-1] is None:
                            return None
                return holders[-1]

            _wait(holder_of_all, path, stop, report, patience_s)
        yield


@contextmanager
def held_lock(
    path: Path, stop: Stop, report: Callable[[str], None], patience_s: float | None = None
) -> Iterator[None]:
    """Hold a lock, in which the holder's process stands. Raises as `accelerator_lock` does."""
    with ExitStack() as stack:
        _wait(lambda: _holder(path, stack), path, stop, report, patience_s)
        yield


def _holder(path: Path, stack: ExitStack) -> str | None:
    """Which process holds a lock; None: this one does now, until `stack` is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        stream = opened.enter_context(path.open("a+"))
        if not lock_descriptor(stream.fileno(), blocking=False):
            stream.seek(0)
            return stream.read().strip() or "unknown"
        stack.push(opened.pop_all())
    stream.seek(0)
    stream.truncate()
    stream.write(str(os.getpid()))
    stream.flush()
    return None


def _wait(
    holder: Callable[[], str | None],
    path: Path,
    stop: Stop,
    report: Callable[[str], None],
    patience_s: float | None,
) -> None:
    """Ask for the holder until there is none."""
    patience_s = LOCK_WAIT_S if patience_s is None else patience_s
    began, told = time.monotonic(), False
    while (who := holder()) is not None:
        if not told:
            report(f"waiting for the accelerator, which process {who} uses")
            told = True
        if time.monotonic() - began > patience_s:
            raise TrainingError(
                f"process {who} has used the accelerator for over {_lasting(patience_s)}",
                file=path,
                remedy="wait for it, or stop it",
            )
        if stop.wait(0.5):
            raise InterruptedRunError("stopped while waiting for the accelerator, as asked")


def _lasting(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
