"""Passes of a small model over many inputs on a CPU: one thread each, as many at once as cores.

Cores that share one small pass wait for each other at every layer, the longer the busier the
machine is; passes of their own never wait, and give the bits of a pass that is alone on one thread
(on several some VAEs' convolutions sum in another order, by the processor).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Final, TypeVar

from slora_assets.base_models.seam import VideoBase
from slora_assets.processes.cores import cores

Given = TypeVar("Given")
Made = TypeVar("Made")

_SMALL_PIXELS: Final = 1_000_000
"""Larger clips are worth all cores, and several at once would not fit into memory."""


def passes_at_once(device: str, base: VideoBase) -> int:
    """How many clips to encode at a time: one on an accelerator and where the VAE keeps a pass's
    state in itself, a core each for small ones."""
    geometry = base.geometry
    small = geometry.frames * geometry.height * geometry.width <= _SMALL_PIXELS
    alone = device != "cpu" or not small or base.vae_keeps_state
    return 1 if alone else cores()


def in_order(
    work: Callable[[Given], Made],
    given: Iterable[Given],
    at_once: int,
    threads: ThreadPoolExecutor | None = None,
) -> Iterator[Made]:
    """`work` of each input, in order; `at_once` are worked on while one more waits. `threads` are
    for whoever calls it again and again, or from several threads: so many are worked on in all."""
    waiting: deque[Future[Made]] = deque()
    with nullcontext(threads) if threads else threads_for(at_once) as pool:
        for one in given:
            waiting.append(pool.submit(work, one))
            if len(waiting) > at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def threads_for(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that run torch's operators alone, if there are several."""
    if at_once == 1:
        with ThreadPoolExecutor(1) as pool:
            yield pool
        return
    import torch

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)
