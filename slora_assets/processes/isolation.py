"""Decoding in processes of its own: a file that hangs or kills the decoder costs that file only."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import TimeoutError as OutOfTimeError
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from slora_assets.config.errors import FootageError
from slora_assets.processes.cores import cores
from slora_assets.processes.preloading import preload
from slora_assets.storage.footage_at_url import held_ahead

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

Result = TypeVar("Result")


class Task(NamedTuple):
    """A file, and what is to be done with it."""

    file: Path
    arguments: tuple[Any, ...]
    """Of the function that works on it."""
    sha256: str | None = None
    """Of the file, where it may have to be fetched and is known already."""


TIMEOUT_S: Final = 120.0
"""Longest time one file may take; decoding a clip takes seconds."""
_AHEAD: Final = 2
"""Results a worker may be ahead of the reader: memory stays flat."""


def isolated(
    function: Callable[..., Result],
    tasks: Iterable[Task],
    timeout_s: float = TIMEOUT_S,
    processes: ProcessPool | None = None,
) -> Generator[Result | FootageError]:
    """`function(*arguments)` of each task in worker processes, as many as cores, in order.

    A FootageError that it raises is its result. `hang` and `crash` are the reasons of a file that
    took longer than `timeout_s` or ended its process. `function` must be importable by name. The
    processes end with the iterator, read to its end or closed, unless they are `processes`. Files
    that lie at a URL are fetched ahead; raises what `held_ahead` does.
    """
    waiting: deque[tuple[Path, ProcessFuture[Result] | FootageError, ExitStack]] = deque()
    ahead = _AHEAD * cores()

    def oldest() -> Result | FootageError:
        from pebble import ProcessExpired  # here, because mostly there is nothing to decode

        path, future, held = waiting.popleft()
        if isinstance(future, FootageError):
            return future
        try:
            with held:
                result: Result = future.result()
            return result
        except FootageError as error:
            return error
        except OutOfTimeError:
            what = f"the decoder did not end within {timeout_s:g} s"
            return FootageError("hang", what, file=path)
        except ProcessExpired as error:
            what = f"the decoder's process ended with code {error.exitcode}"
            return FootageError("crash", what, file=path)

    with ExitStack() as stack:
        pool = processes
        stack.callback(_let_go, waiting)
        coming = held_ahead(tasks, lambda one: (one.file, one.sha256), ahead)
        for task, held in stack.enter_context(closing(coming)):
            if isinstance(held, FootageError):
                waiting.append((task.file, held, ExitStack()))
            else:
                pool = pool or stack.enter_context(decoders())  # without tasks there is no process
                made = pool.schedule(function, args=task.arguments, timeout=timeout_s)
                waiting.append((task.file, made, held))
            if len(waiting) >= ahead:
                yield oldest()
        while waiting:
            yield oldest()


def _let_go(waiting: Iterable[tuple[Path, object, ExitStack]]) -> None:
    """Of files whose results nobody reads."""
    for *_, held in waiting:
        held.close()


@contextmanager
def decoding(
    function: Callable[..., Result],
) -> Iterator[Callable[[Iterable[Task]], list[Result | FootageError]]]:
    """What `isolated` makes of some tasks, again and again with the same processes."""
    with decoders() as pool:
        yield lambda tasks: list(isolated(function, tasks, processes=pool))


@contextmanager
def decoders() -> Iterator[ProcessPool]:
    """Worker processes, as many as cores, that end with the body."""
    from pebble import ProcessPool

    # Forking a process that has threads can lock up; a server without any forks the workers.
    context = multiprocessing.get_context("forkserver")
    preload()
    pool = ProcessPool(cores(), initializer=_begin, context=context)
    try:
        yield pool
    finally:
        # pebble annotates its pool but for this method.
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _begin() -> None:
    """Leave Ctrl-C to the parent, and broken files' complaints to the reasons that we give."""
    import av
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(None)
    # There is a process for each core: threads of numpy's BLAS would spin for each other's, and two
    # processes on two cores make half as many first frames a second.
    threadpool_limits(1)
    threading.Thread(target=_end_with_owner, daemon=True).start()


def _end_with_owner() -> None:
    """An owner that was killed has left nobody to end a decoder that hangs."""
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os.kill(os.getpid(), signal.SIGKILL)
