"""A file that kills or hangs the decoder costs that file only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from slora_assets.config.errors import FootageError
from slora_assets.processes.isolation import Task, isolated
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import wait_for, wait_for_end_of


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
    results = list(isolated(work, (Task(Path(f"{k}.mp4"), (k,)) for k in kinds), timeout_s=3))
    told = [r.reason if isinstance(r, FootageError) else r for r in results]
    assert told == kinds
    broken = [r for r in results if isinstance(r, FootageError)]
    assert [str(error.file) for error in broken] == ["crash.mp4", "hang.mp4", "corrupt.mp4"]


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn = []

    def tasks() -> Iterator[Task]:
        for number in range(100):
            drawn.append(number)
            yield Task(Path(f"{number}"), (str(number),))

    results = isolated(work, tasks())
    assert next(results) == "0"
    assert len(drawn) < 20, "memory would grow with the footage"
    assert list(results) == [str(number) for number in range(1, 100)]


_OWNER = """
import os, time
from pathlib import Path
from slora_assets.processes.isolation import Task, isolated
def hang():
    Path(f"{os.getpid()}.hangs").touch()
    time.sleep(600)
if __name__ == "__main__":
    list(isolated(hang, [Task(Path("one"), ()), Task(Path("two"), ())]))
"""


def test_decoders_that_hang_end_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "owner.py").write_text(textwrap.dedent(_OWNER))
    owner = subprocess.Popen(
        [sys.executable, "owner.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT)}
    )
    hanging = wait_for(lambda: list(tmp_path.glob("*.hangs")), "a decoder's start")
    family = [psutil.Process(int(path.stem)) for path in hanging]
    family += psutil.Process(owner.pid).children(recursive=True)
    owner.kill()
    owner.wait()
    wait_for_end_of(*family)
