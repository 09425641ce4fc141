"""Where training and validation run: a process group of their own, through Dagster Pipes.

The stock subprocess client signals one process, under `accelerate launch` the launcher, and the
trainer lives on. This one signals the group, waits for the checkpoint, then kills the group. Where
it can it forks workers from a process that has imported torch already (`fork_server.py`).
"""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import psutil
from dagster import PipesTempFileContextInjector, PipesTempFileMessageReader, open_pipes_session

from slora_assets.fork_server import Process, can_fork, fork_server
from slora_assets.worker import INTERRUPTED, SUPERVISOR

warnings.filterwarnings("ignore", message=".*PipesMessageReader.expected_writer_count.*")


class ComputeResource(dg.ConfigurableResource[None]):
    """Runs a worker command to its end. Ray or Kubernetes replace this one resource."""

    grace_seconds: float = 60.0
    """How long a worker may take to checkpoint after SIGTERM before its group is killed."""
    processes: int = 1
    """Training processes on this machine."""
    fork_workers: bool = True
    """Fork workers from a process that keeps torch and diffusers imported, on Linux; elsewhere, and
    for several training processes, each worker imports them itself."""

    def accelerate(self, script: str, arguments: Sequence[str]) -> list[str]:
        """The command line that launches a training script; one process needs no launcher, which
        would import torch a second time."""
        if self.processes == 1:
            return [sys.executable, script, *arguments]
        launcher = [sys.executable, "-m", "accelerate.commands.launch"]
        options = [
            "--num_processes",
            str(self.processes),
            "--num_machines",
            "1",
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
        ]
        return [*launcher, *options, script, *arguments]

    def run(self, context: dg.AssetExecutionContext, command: Sequence[str], cwd: str) -> Any:
        """Run a worker; its log lines arrive in the event log while it works.

        Returns what it handed over last (`Worker.hand_over`), None if it handed over nothing.
        Raises Failure, without retry, when it fails. On interruption the whole process group is
        gone when this returns.
        """
        with open_pipes_session(
            context=context,
            context_injector=PipesTempFileContextInjector(),
            message_reader=PipesTempFileMessageReader(),
        ) as session:
            environment = os.environ | session.get_bootstrap_env_vars()
            process = self._start(command, cwd, environment | {SUPERVISOR: str(os.getpid())})
            try:
                tail = _follow_stderr(process)
                status = process.wait()
            except BaseException:
                context.log.warning("interrupted: asking the worker to checkpoint and stop")
                raise
            finally:
                _end_group(process, self.grace_seconds)
        if status != 0:
            reason = "was interrupted" if status in (INTERRUPTED, -signal.SIGTERM) else "failed"
            message = next((line for line in reversed(tail) if line.startswith("error: ")), "")
            raise dg.Failure(
                f"the worker {reason} (status {status}). {message.removeprefix('error: ')}".strip(),
                metadata={"last lines": dg.MetadataValue.text("\n".join(tail[-20:]))},
                allow_retries=False,
            )
        handed_over = session.get_custom_messages()
        return handed_over[-1] if handed_over else None

    def _start(self, command: Sequence[str], cwd: str, environment: Mapping[str, str]) -> Process:
        """Start a worker in a session of its own, its standard error piped."""
        if self.fork_workers and can_fork(command):
            try:
                return fork_server().start(command, cwd, environment)
            except OSError as error:  # its own imports failed: the worker's will say why
                warnings.warn(f"workers start afresh: {error}", stacklevel=2)
        return subprocess.Popen(
            list(command), cwd=cwd, env=environment, stderr=subprocess.PIPE, start_new_session=True
        )


def _follow_stderr(process: Process) -> list[str]:
    """Pass the worker's standard error on until it closes; return its last lines."""
    tail: list[str] = []
    assert process.stderr is not None
    for raw in process.stderr:
        line = raw.decode(errors="replace").rstrip()
        tail = [*tail[-49:], line]
        print(line, file=sys.stderr, flush=True)
    return tail


def _end_group(process: Process, grace_seconds: float) -> None:
    """Leave no process of the group: SIGTERM, time to checkpoint, SIGKILL."""
    if not _signal_group(process.pid, signal.SIGTERM):
        process.wait()
        return
    try:
        process.wait(grace_seconds)
        _wait_for_group(process.pid, grace_seconds)
    except (subprocess.TimeoutExpired, TimeoutError):
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_group(group: int, seconds: float) -> None:
    """The launcher may end before the trainer has checkpointed: wait for the group itself."""
    deadline = time.monotonic() + seconds
    while any(_is_of_group(process, group) for process in psutil.process_iter()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def _is_of_group(process: psutil.Process, group: int) -> bool:
    """Whether a process of the group still runs; in containers an ended one whose parent is gone
    may stay in the system's list for seconds."""
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to the group; False when no process of it is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
