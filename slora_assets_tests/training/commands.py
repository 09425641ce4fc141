"""The training command of one scenario: what a user types, and the same forked as Dagster does."""

from __future__ import annotations

import sys
from pathlib import Path

from slora_assets.config.workspace import Workspace
from slora_assets.processes.starting import StartedWorker
from slora_assets_tests import workers
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.workers import Ended, ended

SCENARIO = "market_floor"


def typed(workspace: Workspace, root: Path, *more: str) -> list[str]:
    """The command as a user types it; runs go below `root`."""
    script = str(PROJECT / "src/train_scenario_lora.py")
    return [sys.executable, script, *arguments(workspace, root, *more)]


def begin(workspace: Workspace, root: Path, *more: str) -> StartedWorker:
    """Start the command as Dagster does."""
    command = ["scenarios", *arguments(workspace, root, *more)]
    return workers.begin("slora_assets.training.command", command)


def train(workspace: Workspace, root: Path, *more: str) -> Ended:
    """Start the command and wait for its end."""
    return ended(begin(workspace, root, *more))


def arguments(workspace: Workspace, root: Path, *more: str) -> list[str]:
    """Of the command; runs go below `root`."""
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
