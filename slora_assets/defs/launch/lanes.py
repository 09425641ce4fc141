"""Lanes: processes that run the jobs of a verb side by side, each with its share of the cores.

A small model's step leaves half of a second core idle: two trainings with a core each take two
thirds of the time that they take one after another with both, and end with the same weights; scores
differ in a late digit, by the number of threads, which a run's record says. `benchmarks/lanes.py`
measures both. A large base fills a machine by itself, and has one lane.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

import psutil

from slora_assets.base_models.catalogue import MINIATURE
from slora_assets.config.compute import chosen_compute
from slora_assets.config.data import read_dataset
from slora_assets.config.environment import CORES, LANES, count
from slora_assets.config.training import read_recipe
from slora_assets.config.workspace import Workspace
from slora_assets.defs.launch.lane import Build, work
from slora_assets.defs.launch.one_run import Outcome, Task
from slora_assets.defs.launch.waiting import Waiting
from slora_assets.processes.accelerator_lock import MOST_LANES
from slora_assets.processes.cores import cores

_MOST_UNASKED: Final = 4
_DEVICES: Final = "CUDA_VISIBLE_DEVICES"
_MEMORY_OF_ONE: Final = 3 * 2**30
"""Bytes: a lane's Dagster, the process that its workers are forked from, and a worker of 1.2 GB."""


def lanes_of_this_machine() -> int:
    """How many jobs a verb runs at once: what SLORA_LANES says. Without it, for several scenarios
    on the miniature and this machine's processes one for each core, four at most and none without
    memory for it; otherwise one. Raises ConfigError, MissingInputError."""
    said = count(LANES, MOST_LANES)
    if said is not None:
        return said
    workspace = Workspace.from_environment()
    recipe = read_recipe(workspace.training_config)
    if chosen_compute() != "local" or recipe.base_model != MINIATURE:
        return 1
    # Of one scenario each job waits for the one before, and is better off with all cores.
    if len(read_dataset(workspace.dataset_file)[1].active) < 2:
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
            given = (there, self._build, _environment(number, self._number))
            lane = _Lane(number, context.Process(target=work, args=given), here)
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
