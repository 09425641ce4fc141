"""A file that kills or hangs the decoder costs that file only."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from slora_assets.config.errors import FootageError
from slora_assets.processes.isolation import Task, isolated


def work(kind: str) -> str:
    """Stands for a decoder, run in another process."""
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        time.sleep(60)
    if kind == "corrupt":
        raise FootageError("corrupt", "not a video", file=f"{kind}.mp4")
    return kind


def test_each_file_gets_its_own_result_in_order() -> None:
    kinds = ["a", "crash", "b", "hang", "corrupt", *"cdefg"]
    results = list(isolated(work, ((Path(f"{k}.mp4"), (k,)) for k in kinds), timeout_s=3))
    told = [r.reason if isinstance(r, FootageError) else r for r in results]
    assert told == kinds
    broken = [r for r in results if isinstance(r, FootageError)]
    assert [str(error.file) for error in broken] == ["crash.mp4", "hang.mp4", "corrupt.mp4"]


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn = []

    def tasks() -> Iterator[Task]:
        for number in range(100):
            drawn.append(number)
            yield Path(f"{number}"), (str(number),)

    results = isolated(work, tasks())
    assert next(results) == "0"
    assert len(drawn) < 20, "memory would grow with the footage"
    assert list(results) == [str(number) for number in range(1, 100)]
