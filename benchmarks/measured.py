"""Runs a command and says how long it took and how much memory its processes held together."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLED_EVERY_S = 0.25
"""Finding all descendants costs milliseconds, which the command should have."""
_POLLED_EVERY_S = 0.2


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    seconds: float
    cpu_s: float
    """Processor time of the command and its descendants: what a busy machine doesn't change."""
    peak_bytes: int
    """Largest sum of the resident memory of the command and its descendants, sampled 4 times a
    second; libraries that several of them have loaded count once for each."""
    largest_bytes: int
    """Largest high-water mark of a single process, which Linux keeps exactly."""
    stopped: bool = False
    """Whether `poll` ended it."""


def measured(
    command: Sequence[str],
    log: Path,
    cwd: Path,
    environment: Mapping[str, str | None],
    poll: Callable[[], bool] | None = None,
) -> Measured:
    """Run `command` to its end; its output goes to the file `log`. It gets this process's
    environment with `environment` over it; None takes a variable away.

    `poll` is called five times per second; when it returns True the command is asked to
    stop. Raises SystemExit with the end of the log when the command fails.
    """
    merged = {k: v for k, v in (os.environ | dict(environment)).items() if v is not None}
    began, used = time.monotonic(), _children_cpu_s()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=merged,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        memory = _Memory(process.pid)
        memory.start()
        stopped = False
        try:
            while not _ended(process):
                if poll is not None and not stopped and poll():
                    stopped = True
                    os.killpg(process.pid, signal.SIGTERM)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            memory.ended.set()
        seconds = time.monotonic() - began
    memory.join()
    if process.returncode and not stopped:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        sys.exit(f"{tail}\nfailed with status {process.returncode}: {' '.join(command)}")
    return Measured(
        seconds, _children_cpu_s() - used, max(memory.peak, memory.largest), memory.largest, stopped
    )


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the process, for as long as lies between two polls."""
    try:
        process.wait(_POLLED_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _children_cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


class _Memory(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self.ended = threading.Event()
        self.peak = self.largest = 0

    def run(self) -> None:
        while not self.ended.wait(_SAMPLED_EVERY_S):
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            resident, marks = 0, [0, 0]
            for process in family:
                try:
                    resident += process.memory_info().rss
                    marks.append(high_water(process.pid))
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue
            self.peak, self.largest = max(self.peak, resident), max(self.largest, *marks)


def forget_high_water() -> None:
    """This process's high-water mark begins anew from what it holds now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def high_water(pid: int) -> int:
    """VmHWM of a process in bytes; 0 where the system doesn't keep it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    marks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(marks[0]) * 1024 if marks else 0
