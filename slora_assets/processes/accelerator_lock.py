"""The accelerator is used by one process of a workspace at a time, or by one in each of its lanes.

Processes whose work is small enough to go side by side share it out in lanes, a file for each; who
needs it as a whole holds the files of all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol, TextIO

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
    others = [path.parent / "locks" / f"{path.stem}.{n}.lock" for n in range(1, MOST_LANES)]
    files = [path, *others]
    wanted = [[file] for file in files] if lanes == 1 else [files[:lanes]]
    with ExitStack() as stack:
        for alternatives in wanted:
            stack.enter_context(held_lock(alternatives, stop, report, patience_s))
        yield


@contextmanager
def held_lock(
    files: Sequence[Path],
    stop: Stop,
    report: Callable[[str], None],
    patience_s: float | None = None,
) -> Iterator[None]:
    """Hold whichever of these locks is free first; the holder's process stands in it. Raises as
    `accelerator_lock` does."""
    patience_s = LOCK_WAIT_S if patience_s is None else patience_s
    with ExitStack() as stack:
        streams = []
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            streams.append(stack.enter_context(file.open("a+")))
        began, told = time.monotonic(), False
        while (held := _locked(streams)) is None:
            streams[0].seek(0)
            holder = streams[0].read().strip() or "unknown"
            if not told:
                report(f"waiting for the accelerator, which process {holder} uses")
                told = True
            if time.monotonic() - began > patience_s:
                raise TrainingError(
                    f"process {holder} has used the accelerator for over {_lasting(patience_s)}",
                    file=files[0],
                    remedy="wait for it, or stop it",
                )
            if stop.wait(0.5):
                raise InterruptedRunError("stopped while waiting for the accelerator, as asked")
        held.seek(0)
        held.truncate()
        held.write(str(os.getpid()))
        held.flush()
        yield


def _locked(streams: Sequence[TextIO]) -> TextIO | None:
    """The first that could be locked now."""
    return next((one for one in streams if lock_descriptor(one.fileno(), blocking=False)), None)


def _lasting(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
