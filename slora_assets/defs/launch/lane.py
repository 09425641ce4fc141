"""A lane's own process: what its owner sends, one run after the other, until there is no more."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import dagster as dg

from slora_assets.config import edge
from slora_assets.defs.launch.one_run import Task, run_task
from slora_assets.defs.preloaded import MODELS
from slora_assets.processes.garbage import end_without_a_look, look_for_garbage_seldom
from slora_assets.processes.preloading import preload
from slora_assets.processes.starting import can_fork
from slora_assets.processes.stopping import heed_signals

Build = Callable[[], dg.Definitions]
"""A function that can be imported: a lane is a process of its own."""


def work(owner: Connection, build: Build, environment: dict[str, str]) -> None:
    """Run in a lane's process: what its owner sends, until that closes the connection. Sends what
    became of each task, None when it was asked to stop."""
    os.setpgrp()  # Ctrl-C at a terminal reaches it by way of its owner, once
    heed_signals()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    look_for_garbage_seldom()
    os.environ.update(environment)
    if can_fork():
        preload(MODELS)
    edge.run(lambda: _serve(owner, build))


def _serve(owner: Connection, build: Build) -> int:
    definitions = build()
    with dg.DagsterInstance.get() as instance:
        while (task := _received(owner)) is not None:
            try:
                job = definitions.resolve_job_def(task.job)
                outcome = run_task(instance, job, task, beside_others=True)
            except KeyboardInterrupt:
                outcome = None
            with suppress(OSError):  # the owner is gone, or asks nothing more
                owner.send(outcome)
    end_without_a_look()
    return 0


def _received(owner: Connection) -> Task | None:
    """The next task; None when there is no more."""
    try:
        task: Task = owner.recv()
    except (EOFError, OSError, KeyboardInterrupt):
        return None
    return task


def _end_with(owner: int) -> None:
    """Stop this process when the one that started it is gone."""
    while os.getppid() == owner:
        time.sleep(1.0)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
