"""The training command of one scenario: what a user types, and the same forked as Dagster does."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.workspace import Workspace
from slora_assets.processes.starting import StartedWorker, can_fork, start_afresh, start_forked
from slora_assets_tests.small_graph import PROJECT

SCENARIO = "market_floor"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and all that it said."""

    status: int
    said: str


def typed(workspace: Workspace, root: Path, *more: str) -> list[str]:
    """The command as a user types it; runs go below `root`."""
    script = str(PROJECT / "src/train_scenario_lora.py")
    return [sys.executable, script, *_arguments(workspace, root, more)]


def begin(workspace: Workspace, root: Path, *more: str) -> StartedWorker:
    """Start the command as Dagster does: where it can be, forked by a process that has imported
    torch, which saves most of the seconds of so short a run."""
    module = "slora_assets.training.command"
    arguments = ["scenarios", *_arguments(workspace, root, more)]
    if can_fork():
        return start_forked(module, arguments, {})
    return start_afresh([sys.executable, "-m", module, *arguments], {})


def train(workspace: Workspace, root: Path, *more: str) -> Ended:
    """Start the command and wait for its end."""
    return ended(begin(workspace, root, *more))


def ended(worker: StartedWorker) -> Ended:
    """Wait for the worker's end, listening."""
    with worker.output:
        said = worker.output.read().decode()
    return Ended(worker.wait(), said)


def _arguments(workspace: Workspace, root: Path, more: tuple[str, ...]) -> list[str]:
    return [
        "--metadata",
        str(workspace.scenario_metadata),
        "--output-root",
        str(root),
        "--config",
        str(workspace.training_config),
        "--scenario",
        SCENARIO,
        *more,
    ]
