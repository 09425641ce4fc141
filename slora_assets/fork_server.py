"""A process that has imported what workers import, and forks one for each job: they start at once.

torch and diffusers take seconds to import, every time; here they are imported once, on another
core, while the owner (Dagster) does what needs neither. The server computes nothing, so it has no
threads and no CUDA context that a fork would break. Linux only: elsewhere forking after such
imports isn't safe, and workers are started afresh.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Protocol

PRELOADED: Final = (
    "torch",
    "diffusers.models.autoencoders.autoencoder_kl_cogvideox",
    "transformers.models.t5.modeling_t5",
    "slora_assets.latents.scenario",
)
"""What the server imports before the first worker: what caching needs, which comes first."""

PRELOADED_LATER: Final = (
    "diffusers.pipelines.cogvideo.pipeline_cogvideox",
    "slora_assets.training.run",
    "slora_assets.validation.stage",
    "open_clip",
    "matplotlib.figure",
    "torch.utils.tensorboard",
)
"""What it imports beside the first workers, for those after them."""

_LARGEST_MESSAGE: Final = 1 << 20
_READY: Final = b"ready"
_STARTED: Final = b"started"
_NO_ANSWER: Final = -signal.SIGKILL
"""Status of a worker whose server is gone, and which therefore is being killed itself."""


class Process(Protocol):
    """What the owner needs of a worker, forked here or started by `subprocess.Popen`."""

    pid: int
    stderr: IO[bytes] | None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; negative is a signal's number. Raises subprocess.TimeoutExpired."""


def is_supported() -> bool:
    """Whether this system can fork workers."""
    return sys.platform == "linux"


def can_fork(command: Sequence[str]) -> bool:
    """Whether a worker with this command line can come from the server: this interpreter's own run
    of a script or a module."""
    own = command[0] == sys.executable
    return is_supported() and own and (command[1] == "-m" or command[1].endswith(".py"))


class ForkServer:
    """The owner's end: one worker at a time. The server ends with its owner."""

    def __init__(self) -> None:
        self._ready = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=Path(__file__).parents[1],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def start(self, command: Sequence[str], cwd: str, environment: Mapping[str, str]) -> Process:
        """Start a worker in a session of its own; its standard error is piped.

        Waits for the server's imports. Raises OSError when the server is gone.
        """
        if not self._ready:
            self._ready = self._hear() == _READY
        reading, writing = os.pipe()
        job = {
            "command": list(command),
            "cwd": str(Path(cwd).absolute()),
            "environment": dict(environment),
        }
        try:
            socket.send_fds(self._socket, [json.dumps(job).encode()], [1, writing])
            pid = self._pid_of(self._hear())
        except BaseException:
            os.close(reading)
            self.close()  # what it would answer later belongs to no one
            raise
        finally:
            os.close(writing)
        return _Forked(pid, os.fdopen(reading, "rb"), self._socket, command)

    def _hear(self) -> bytes:
        said = self._socket.recv(_LARGEST_MESSAGE)
        if not said:
            raise ConnectionResetError("the fork server has ended")
        return said

    @staticmethod
    def _pid_of(said: bytes) -> int:
        word, _, pid = said.partition(b" ")
        if word != _STARTED:
            raise ConnectionResetError("the worker ended before it began")
        return int(pid)

    def close(self) -> None:
        """End the server at once, even while it imports; a worker is for its owner to end."""
        self._socket.close()
        self._server.terminate()
        self._server.wait()


@dataclass
class _Forked:
    """A worker that the server forked."""

    pid: int
    stderr: IO[bytes] | None
    _socket: socket.socket
    _command: Sequence[str]
    _status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self._status is None:
            ready, _, _ = select.select([self._socket], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(list(self._command), timeout or 0.0)
            said = self._socket.recv(_LARGEST_MESSAGE)
            self._status = int(said) if said else _NO_ANSWER
        return self._status


@cache
def fork_server() -> ForkServer:
    """This process's server, started when first asked for."""
    server = ForkServer()
    atexit.register(server.close)
    return server


def main(descriptor: int) -> NoReturn:
    """Serve until the owner is gone; doesn't return."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    # Imports that look for an accelerator are to ask its management library, not CUDA.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    gc.disable()  # a fifth of the time of these imports
    for module in PRELOADED:
        importlib.import_module(module)
    gc.enable()
    with suppress(BrokenPipeError, ConnectionResetError):
        _serve(connection)
    os._exit(0)  # taking the libraries down in order takes seconds and helps no one


def _serve(connection: socket.socket) -> None:
    """Fork a worker for each job, until the owner hangs up."""
    context, later = multiprocessing.get_context("fork"), deque(PRELOADED_LATER)
    connection.send(_READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST_MESSAGE, 2)
        if not message:
            return
        gc.freeze()  # what a worker never collects it never copies
        worker = context.Process(target=_work, args=(connection, json.loads(message), descriptors))
        worker.start()
        for number in descriptors:
            os.close(number)
        while later and worker.is_alive():
            with suppress(ImportError):  # a worker that needs it says so itself
                importlib.import_module(later.popleft())
        worker.join()
        connection.send(b"%d" % (worker.exitcode or 0))


def _work(connection: socket.socket, job: dict[str, Any], descriptors: list[int]) -> None:
    """Become the job's command: what `python script` or `python -m module` would run."""
    import torch

    os.setsid()
    with connection:
        connection.send(b"%s %d" % (_STARTED, os.getpid()))
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    command: list[str] = job["command"]
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["environment"])
    if torch.cuda._is_in_bad_fork() and torch.cuda.device_count() > 0:
        # An import has reached for the accelerator, after which CUDA refuses to work in a fork.
        os.execv(command[0], command)
    try:
        if command[1] == "-m":
            sys.argv, sys.path[0] = command[2:], job["cwd"]
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = command[1:], str(Path(command[1]).parent)
            runpy.run_path(command[1], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing does so itself from Python 3.13 on


if __name__ == "__main__":
    main(int(sys.argv[1]))
