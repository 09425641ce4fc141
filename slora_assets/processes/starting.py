"""Workers: commands in a session of their own, with what they say piped to whoever waits.

One starts either at once, forked by the standard library's fork server that has imported what it
needs (`preloading.py`), or afresh, as any command.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Final, Protocol

from slora_assets.processes.preloading import configure_libraries, preload

_BEGUN: Final = b"\0"


class StartedWorker(Protocol):
    """What its owner needs of a worker."""

    pid: int
    output: IO[bytes]
    """What it says on standard output and standard error."""

    def wait(self, timeout_s: float | None = None) -> int:
        """The exit status; negative is a signal's number. Raises subprocess.TimeoutExpired."""


def start_forked(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> StartedWorker:
    """Start `python -m <module> <arguments>` in a process that needn't import torch any more.

    It gets this process's environment as it is now, with `environment` over it, and its working
    folder; the server may have been started with others. Linux only: see `can_fork`. Before Python
    3.13 such a process runs no handlers of `atexit`. Raises OSError or EOFError when the server
    can't be had.
    """
    preload()
    context = multiprocessing.get_context("forkserver")
    reading, writing = context.Pipe(duplex=False)
    place = _Place(str(Path.cwd()), dict(os.environ) | dict(environment))
    process = context.Process(target=_become, args=(module, list(arguments), place, writing))
    output: IO[bytes] | None = None
    try:
        with writing, reading:
            process.start()
            output = os.fdopen(os.dup(reading.fileno()), "rb")
        output.read(len(_BEGUN))  # from now on the worker leads a group that can be signalled
        return _Forked(process, output)
    except BaseException:  # nobody would end it
        if output is not None:
            output.close()
        if process.pid is not None:
            process.kill()
        raise


def start_afresh(command: Sequence[str], environment: Mapping[str, str]) -> StartedWorker:
    """Start a command; `environment` is added to this process's."""
    configure_libraries()
    return _Fresh(command, environment)


def can_fork() -> bool:
    """Whether workers may be forked. On macOS the system's libraries don't survive it."""
    return sys.platform == "linux"


class _Forked:
    def __init__(
        self, process: multiprocessing.context.ForkServerProcess, output: IO[bytes]
    ) -> None:
        self._process, self.output = process, output
        assert process.pid is not None, "it was started"
        self.pid = process.pid

    def wait(self, timeout_s: float | None = None) -> int:
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout_s or 0.0)
        return self._process.exitcode


class _Fresh:
    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None, "it is piped"
        self.pid, self.output = self._process.pid, self._process.stdout

    def wait(self, timeout_s: float | None = None) -> int:
        return self._process.wait(timeout_s)


@dataclass(frozen=True)
class _Place:
    folder: str
    environment: Mapping[str, str]


def _become(module: str, arguments: list[str], place: _Place, output: Connection) -> None:
    """Run in the new process: be what `python -m module` would be."""
    os.setsid()
    with output:
        os.write(output.fileno(), _BEGUN)
        for standard in (1, 2):
            os.dup2(output.fileno(), standard)
    os.chdir(place.folder)
    os.environ.clear()
    os.environ.update(place.environment)
    if "torch" in sys.modules and not _cuda_survived():
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _cuda_survived() -> bool:
    """False where the server's imports have reached for CUDA, which then refuses to work in a fork:
    such a worker begins afresh."""
    import torch

    try:
        if torch.cuda.device_count() > 0:
            torch.cuda.init()  # type: ignore[no-untyped-call]  # torch leaves it bare
    except RuntimeError:
        return False
    return True
