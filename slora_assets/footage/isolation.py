"""Decoding in processes of its own: a file that hangs or kills the decoder costs that file only."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as OutOfTimeError
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from slora_assets.config.errors import FootageError

T = TypeVar("T")
Task = tuple[Path, tuple[Any, ...]]
"""A file, and the arguments of the function that works on it."""

TIMEOUT_S: Final = 120.0
"""Longest time one file may take; decoding a clip takes seconds."""
_AHEAD: Final = 2
"""Results a worker may be ahead of the reader: memory stays flat."""


def isolated(
    function: Callable[..., T], tasks: Iterable[Task], timeout_s: float = TIMEOUT_S
) -> Iterator[T | FootageError]:
    """`function(*arguments)` of each task in worker processes, as many as cores, in order.

    A FootageError that it raises is its result. `hang` and `crash` are the reasons of a file that
    took longer than `timeout_s` or ended its process. `function` must be importable by name.
    """
    pool = _pool()
    waiting: deque[tuple[Path, ProcessFuture[T]]] = deque()
    depth = _AHEAD * _workers()
    for path, arguments in tasks:
        waiting.append((path, pool.schedule(function, args=arguments, timeout=timeout_s)))
        if len(waiting) >= depth:
            yield _result(waiting.popleft(), timeout_s)
    while waiting:
        yield _result(waiting.popleft(), timeout_s)


def _result(task: tuple[Path, ProcessFuture[Any]], timeout_s: float) -> Any:
    path, future = task
    try:
        return future.result()
    except FootageError as error:
        return error
    except OutOfTimeError:
        return FootageError("hang", f"the decoder did not end within {timeout_s:g} s", file=path)
    except ProcessExpired as error:
        return FootageError(
            "crash", f"the decoder's process ended with code {error.exitcode}", file=path
        )


def _workers() -> int:
    return os.cpu_count() or 1


@cache
def _pool() -> ProcessPool:
    """One pool for the life of this process: its workers start once."""
    # Forking a process that has threads can lock up; a server without any forks the workers.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "av", "numpy", "PIL.Image"])
    pool = ProcessPool(_workers(), initializer=_quiet, context=context)
    atexit.register(_stop, pool)
    return pool


def _quiet() -> None:
    """Leave Ctrl-C to the parent, and broken files' complaints to the reasons that we give."""
    import av

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(None)


def _stop(pool: ProcessPool) -> None:
    # pebble annotates its pool but for this method.
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
