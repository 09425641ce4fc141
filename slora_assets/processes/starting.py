"""Workers: commands in a session of their own, with their standard error piped to whoever waits.

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

from slora_assets.processes.preloading import MODELS, configure_libraries, preload

_BEGUN: Final = b"\0"


class StartedWorker(Protocol):
    """What its owner needs of a worker."""

    pid: int
    stderr: IO[bytes]

    def wait(self, timeout_s: float | None = None) -> int:
        """The exit status; negative is a signal's number. Raises subprocess.TimeoutExpired."""


def start_forked(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> StartedWorker:
    """Start `python -m <module> <arguments>` in a process that needn't import torch any more.

    It gets this process's environment as it is now, with `environment` over it, and its working
    folder; the server may have been started with others. Linux only: see `can_fork`.
    """
    preload(MODELS)
    context = multiprocessing.get_context("forkserver")
    reading, writing = context.Pipe(duplex=False)
    place = _Place(str(Path.cwd()), dict(os.environ) | dict(environment))
    process = context.Process(target=_become, args=(module, list(arguments), place, writing))
    with writing:
        process.start()
    with reading:
        stderr = os.fdopen(os.dup(reading.fileno()), "rb")
    stderr.read(len(_BEGUN))  # from now on the worker leads a group that can be signalled
    return _Forked(process, stderr)


def start_afresh(command: Sequence[str], environment: Mapping[str, str]) -> StartedWorker:
    """Start a command; `environment` is added to this process's."""
    configure_libraries()
    return _Fresh(command, environment)


def can_fork() -> bool:
    """Whether workers may be forked. On macOS the system's libraries don't survive it."""
    return sys.platform == "linux"


class _Forked:
    def __init__(
        self, process: multiprocessing.context.ForkServerProcess, stderr: IO[bytes]
    ) -> None:
        self._process, self.stderr = process, stderr
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
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stderr is not None, "it is piped"
        self.pid, self.stderr = self._process.pid, self._process.stderr

    def wait(self, timeout_s: float | None = None) -> int:
        return self._process.wait(timeout_s)


@dataclass(frozen=True)
class _Place:
    folder: str
    environment: Mapping[str, str]


def _become(module: str, arguments: list[str], place: _Place, stderr: Connection) -> None:
    """Run in the new process: be what `python -m module` would be."""
    os.setsid()
    with stderr:
        os.dup2(stderr.fileno(), 2)
    os.write(2, _BEGUN)
    os.chdir(place.folder)
    os.environ.clear()
    os.environ.update(place.environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
