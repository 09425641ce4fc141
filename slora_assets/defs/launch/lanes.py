"""Lanes: processes that run the jobs of a verb side by side, each with its share of the cores.

A small model's step leaves half of a second core idle: two trainings with a core each take two
thirds of the time that they take one after another with both, and end with the same weights; scores
differ in a late digit, by the number of threads, which a run's record says. `benchmarks/lanes.py`
measures both. A large base fills a machine by itself, and has one lane.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

import dagster as dg
import psutil

from slora_assets.base_models.catalogue import MINIATURE
from slora_assets.config import edge
from slora_assets.config.compute import chosen_compute
from slora_assets.config.environment import CORES, LANES, count
from slora_assets.config.training import read_recipe
from slora_assets.config.workspace import Workspace
from slora_assets.defs.launch.one_run import Outcome, Task, run_task
from slora_assets.defs.launch.waiting import Waiting
from slora_assets.defs.preloaded import MODELS
from slora_assets.processes.accelerator_lock import MOST_LANES
from slora_assets.processes.cores import cores
from slora_assets.processes.garbage import look_for_garbage_seldom
from slora_assets.processes.preloading import preload
from slora_assets.processes.starting import can_fork
from slora_assets.processes.stopping import heed_signals

_MOST_UNASKED: Final = 4
_DEVICES: Final = "CUDA_VISIBLE_DEVICES"
_MEMORY_OF_ONE: Final = 3 * 2**30
"""Bytes: a lane's Dagster, the process that its workers are forked from, and a worker of 1.2 GB."""

Build = Callable[[], dg.Definitions]
"""A function that can be imported: a lane is a process of its own."""


def lanes_of_this_machine() -> int:
    """How many jobs a verb runs at once: what SLORA_LANES says. Without it, for the miniature on
    this machine's processes one for each core, four at most and none without memory for it; for any
    other base one. Raises ConfigError, MissingInputError."""
    said = count(LANES, MOST_LANES)
    if said is not None:
        return said
    recipe = read_recipe(Workspace.from_environment().training_config)
    if chosen_compute() != "local" or recipe.base_model != MINIATURE:
        return 1
    room = psutil.virtual_memory().available // _MEMORY_OF_ONE
    return max(1, min(cores(), room, _MOST_UNASKED))


@dataclass
class _Lane:
    number: int
    process: SpawnProcess
    connection: Connection
    task: Task | None = None
    """What it works on."""


class Lanes:
    """Runs tasks in `number` processes; `after_death` is called when one of them was killed."""

    def __init__(self, build: Build, number: int, after_death: Callable[[], object]) -> None:
        self._build, self._number, self._after_death = build, number, after_death
        self._lanes: list[_Lane] = []

    def start(self) -> None:
        """Start those that don't run yet. They get ready meanwhile, which takes some seconds."""
        self._lanes = [lane for lane in self._lanes if lane.task or lane.process.is_alive()]
        while len(self._lanes) < self._number:
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            taken = {lane.number for lane in self._lanes}
            number = next(n for n in range(self._number) if n not in taken)
            work = (there, self._build, _environment(number, self._number))
            lane = _Lane(number, context.Process(target=_work, args=work), here)
            with there:  # this process's copy of it
                lane.process.start()
            self._lanes.append(lane)

    def run(self, waiting: Waiting) -> list[Outcome]:
        """Run all that waits; in the order in which they ended. Raises KeyboardInterrupt when this
        process or one of the runs is asked to stop."""
        outcomes = list[Outcome]()
        while waiting or self._working():
            self.start()
            for lane in self._lanes:
                at_work = [one.task for one in self._working() if one.task]
                if not lane.task and (task := waiting.take(at_work)):
                    lane.task = task
                    with suppress(OSError):  # it has just died, which is told below
                        lane.connection.send(task)
            ready = wait([lane.connection for lane in self._working()])
            outcomes += [self._answer(lane) for lane in self._working() if lane.connection in ready]
        return outcomes

    def end(self) -> None:
        """Leave no process of them: who works stops as after Ctrl-C, checkpoint and all."""
        while self._lanes:
            with suppress(KeyboardInterrupt):  # asked again, it asks them again
                for lane in self._lanes:
                    lane.connection.close()
                    if lane.task and lane.process.is_alive() and lane.process.pid:
                        os.kill(lane.process.pid, signal.SIGINT)
                for lane in self._lanes:
                    lane.process.join()
                self._lanes = []

    def _working(self) -> list[_Lane]:
        return [lane for lane in self._lanes if lane.task]

    def _answer(self, lane: _Lane) -> Outcome:
        task, lane.task = lane.task, None
        assert task is not None, "its answer was waited for"
        try:
            outcome: Outcome | None = lane.connection.recv()
        except (EOFError, OSError):
            self._lanes.remove(lane)
            lane.connection.close()
            lane.process.join()
            self._after_death()
            status = lane.process.exitcode
            return Outcome(task, False, f"the process that ran it has ended with status {status}")
        if outcome is None:
            raise KeyboardInterrupt
        return outcome


def _environment(number: int, lanes: int) -> dict[str, str]:
    """What the lane `number` and its workers read: their share of this machine's cores, and where
    the environment names several GPUs, one of them."""
    environment = {LANES: str(lanes)}
    if chosen_compute() == "local":
        environment[CORES] = str(max(1, cores() // lanes))
        devices = [one.strip() for one in os.environ.get(_DEVICES, "").split(",")]
        environment |= {_DEVICES: devices[number % len(devices)]} if len(devices) > 1 else {}
    return environment


def _work(owner: Connection, build: Build, environment: dict[str, str]) -> None:
    """Run in a lane's process: what its owner sends, until that closes the connection. Sends what
    became of each task, None when it was asked to stop."""
    os.setpgrp()  # Ctrl-C at a terminal reaches it by way of its owner, once
    heed_signals()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    look_for_garbage_seldom()
    os.environ.update(environment)
    if can_fork():
        preload(MODELS)
    sys.exit(edge.exit_status(lambda: _serve(owner, build)))


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
