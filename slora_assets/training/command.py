"""The two training commands: arguments, signals, the accelerator's lock, and what they report.

Run by `accelerate launch src/train_*.py`, from a shell or by Dagster; under Dagster the report goes
through Pipes as well.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slora_assets.config.errors import InterruptedRunError, SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.training.plan import plan_run
from slora_assets.validation.prompts import ValidationPrompts, read_prompts
from slora_assets.worker import INTERRUPTED, Worker, worker


def train_unified(arguments: Sequence[str] | None = None) -> int:
    """Train one adapter on all scenarios. Returns the exit status."""
    parser = _parser("Train one LoRA adapter on all scenarios.")
    parser.add_argument("--output-dir", type=Path, required=True, help="the run's folder")
    options = parser.parse_args(arguments)
    return _guarded(options, [(None, options.output_dir)])


def train_scenarios(arguments: Sequence[str] | None = None) -> int:
    """Train an adapter for each scenario, or for those named; go on past one that fails.

    Returns 0 when all succeeded, 1 after printing a table when some did not.
    """
    parser = _parser("Train one LoRA adapter for each scenario.")
    parser.add_argument("--output-root", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--scenario", action="append", help="train only this one (repeatable)")
    options = parser.parse_args(arguments)
    names = options.scenario
    if not names:
        from slora_assets.curation.metadata import read_metadata

        try:
            names = list(read_metadata(options.metadata).scenarios)
        except SloraError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return _guarded(options, [(name, options.output_root / name) for name in names])


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--metadata", type=Path, required=True, help="scenario_metadata.json")
    parser.add_argument("--config", type=Path, required=True, help="the recipe (YAML)")
    parser.add_argument("--prompts", type=Path, help="validation prompts (YAML)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="override a key of the recipe, e.g. optimizer.learning_rate=2e-4 (repeatable)",
    )  # fmt: skip
    return parser


def _guarded(options: argparse.Namespace, runs: list[tuple[str | None, Path]]) -> int:
    try:
        settings = read_settings(options.config, TrainingSettings, options.overrides)
        workspace = _workspace(options.metadata)
        prompts = read_prompts(options.prompts or workspace.validation_prompts)
        with worker(workspace) as here:
            return _train(here, workspace, settings, prompts, options.metadata, runs)
    except InterruptedRunError as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return INTERRUPTED
    except SloraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _train(
    here: Worker,
    workspace: Workspace,
    settings: TrainingSettings,
    prompts: ValidationPrompts,
    metadata: Path,
    runs: list[tuple[str | None, Path]],
) -> int:
    from slora_assets.training.run import run_training

    outcomes: dict[str, str] = {}
    for scenario, folder in runs:
        name = scenario or "unified"
        try:
            plan = plan_run(workspace, settings, prompts, scenario, folder.absolute(), metadata)
            run_training(plan, workspace, here.report, here.should_stop)
            outcomes[name] = "trained"
        except InterruptedRunError:
            raise
        except SloraError as error:
            outcomes[name] = f"failed: {error}"
            # Processes that went on to different runs would wait for each other for ever.
            if len(runs) == 1 or os.environ.get("WORLD_SIZE", "1") != "1":
                raise
    failed = [name for name, outcome in outcomes.items() if outcome != "trained"]
    if len(runs) > 1:
        for name, outcome in outcomes.items():
            here.report(f"{name:<20} {outcome}")
    return 1 if failed else 0


def _workspace(metadata: Path) -> Workspace:
    """The workspace that holds `metadata` (`<root>/data/metadata/scenario_metadata.json`)."""
    workspace = Workspace.from_environment()
    root = metadata.absolute().parent
    if root.name == "metadata" and root.parent.name == "data":
        return dataclasses.replace(workspace, root=root.parent.parent)
    return workspace
