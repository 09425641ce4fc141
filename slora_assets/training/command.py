"""The two training commands: arguments, signals, the accelerator's lock, and what they report.

`python src/train_*.py` and `python -m slora_assets.training.command unified | scenarios`, each also
under `accelerate launch`, from a shell or by Dagster; under Dagster the report goes through Pipes.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from slora_assets.config.environment import RESTART, switch
from slora_assets.config.errors import ConfigError, InterruptedRunError, SloraError
from slora_assets.config.scenario_files import is_scenario_name
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.processes.worker import exit_status, worker
from slora_assets.provenance.curated import curated_at
from slora_assets.training import trackers
from slora_assets.training.display import Display, display
from slora_assets.training.plan import plan_run
from slora_assets.training.speed.launched import overrides_of_launch


def train_unified(arguments: Sequence[str] | None = None) -> int:
    """Train one adapter on all scenarios. Returns the exit status."""
    parser = _parser("Train one LoRA adapter on all scenarios.")
    parser.add_argument("--output-dir", type=Path, required=True, help="the run's folder")
    options = parser.parse_args(arguments)
    return exit_status(lambda: _train(options, [(None, options.output_dir)]))


def train_scenarios(arguments: Sequence[str] | None = None) -> int:
    """Train an adapter for each scenario, or for those named; go on past one that fails.

    Returns 0 when all succeeded, 1 after printing a table when some did not.
    """
    parser = _parser("Train one LoRA adapter for each scenario.")
    parser.add_argument("--output-root", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--scenario", action="append", help="train only this one (repeatable)")
    options = parser.parse_args(arguments)

    def work() -> int:
        names = options.scenario
        if not names:
            found = curated_at(options.metadata).summary.scenarios
            names = [name for name, entry in found.items() if not entry.retired]
        for name in names:
            _refuse_unless_scenario(name)
        return _train(options, [(name, options.output_root / name) for name in names])

    return exit_status(work)


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--metadata", type=Path, required=True, help="scenario_metadata.json")
    parser.add_argument("--config", type=Path, required=True, help="the recipe (YAML)")
    parser.add_argument("--prompts", type=Path, help="validation prompts (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key of the recipe, e.g. optimizer.learning_rate=2e-4 (repeatable)",
    )
    parser.add_argument(
        "--tracker",
        action="append",
        choices=[*trackers.KNOWN, "none"],
        help="where curves go besides the run's folder (repeatable; default: tensorboard, under"
        " outputs/tracking)",
    )
    parser.add_argument(
        "--max-minutes",
        type=_minutes,
        metavar="M",
        help="checkpoint and stop after so long, which is no failure; the same command goes on from"
        " there",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="throw away an unfinished run instead of going on with it (or SLORA_RESTART=1)",
    )
    parser.add_argument(
        "--allow-changed",
        action="append",
        default=[],
        metavar="KEY",
        help="go on with an unfinished run although KEY differs from what it was begun with"
        " (a recipe's key, dataset, base, prompts, ...; repeatable; the record keeps it)",
    )
    return parser


def _refuse_unless_scenario(name: str) -> None:
    """Names become folders: what can't be a scenario's is no folder either. Raises ConfigError."""
    if not is_scenario_name(name):
        raise ConfigError(
            "no scenario can be called so",
            key="--scenario",
            found=name,
            expected="lower case, digits and '_'",
            remedy="`slora scenario list` names those that there are",
        )


def _train(options: argparse.Namespace, runs: list[tuple[str | None, Path]]) -> int:
    options.restart = options.restart or switch(RESTART)
    overrides = [*options.overrides, *overrides_of_launch(os.environ)]
    settings = read_settings(options.config, TrainingSettings, overrides)
    workspace = _workspace(options.metadata)
    prompts = read_validation_prompts(options.prompts or workspace.validation_prompts)
    with worker(workspace) as here, display(here.report) as shown:
        task = _Task(workspace, settings, prompts, options, shown)
        try:
            return task.train(runs, _stopping(here.should_stop, options.max_minutes))
        except InterruptedRunError as error:
            # Only what the command itself asked for is no failure: launchers make a failure of
            # any other status.
            if options.max_minutes is None or here.should_stop():
                raise
            shown.line(f"stopped after {options.max_minutes:g} minutes as asked: {error}")
            return 0


def _stopping(should_stop: Callable[[], bool], max_minutes: float | None) -> Callable[[], bool]:
    """`should_stop`, or true once `max_minutes` have passed."""
    if max_minutes is None:
        return should_stop
    end = time.monotonic() + 60 * max_minutes
    return lambda: should_stop() or time.monotonic() > end


def _minutes(text: str) -> float:
    """Minutes as typed: a number that is not below zero."""
    minutes = float(text)
    if not 0 <= minutes < math.inf:
        raise ValueError(text)
    return minutes


@dataclasses.dataclass(frozen=True)
class _Task:
    """What all runs of a command have in common."""

    workspace: Workspace
    settings: TrainingSettings
    prompts: ValidationPrompts
    options: argparse.Namespace
    display: Display

    def train(self, runs: list[tuple[str | None, Path]], should_stop: Callable[[], bool]) -> int:
        """Train them in order, past those that fail. Returns the exit status."""
        outcomes: dict[str, str] = {}
        for scenario, folder in runs:
            name = scenario or "unified"
            try:
                self._train_one(scenario, folder, should_stop)
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
                self.display.line(f"{name:<20} {outcome}")
        return 1 if failed else 0

    def _train_one(
        self, scenario: str | None, folder: Path, should_stop: Callable[[], bool]
    ) -> None:
        from slora_assets.training.resume import Resumption
        from slora_assets.training.run import RunOptions, run_training

        options = self.options
        plan = plan_run(self.workspace, self.settings, self.prompts, scenario, folder.absolute())
        asked = options.tracker or ["tensorboard"]
        how = RunOptions(
            Resumption(options.restart, tuple(options.allow_changed)),
            tuple(name for name in dict.fromkeys(asked) if name != "none"),
        )
        run_training(plan, self.workspace, self.display, should_stop, how)


def _workspace(metadata: Path) -> Workspace:
    """The workspace that holds `metadata`; the scenarios' manifests lie beside it. Raises
    ConfigError for a file elsewhere."""
    workspace = Workspace.from_environment()
    file = metadata.absolute()
    if len(file.parents) > 2:
        found = dataclasses.replace(workspace, root=file.parents[2])
        if found.scenario_metadata == file:
            return found
    raise ConfigError(
        "not the metadata of a workspace",
        key="--metadata",
        found=str(metadata),
        expected="<workspace>/data/metadata/scenario_metadata.json",
        remedy="name the file that `make data` wrote",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names. Returns the exit status."""
    commands = {"unified": train_unified, "scenarios": train_scenarios}
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in commands:
        print(
            f"usage: {__spec__.name if __spec__ else __name__} {' | '.join(commands)} ...",
            file=sys.stderr,
        )
        return 2
    return commands[name](rest)


if __name__ == "__main__":
    sys.exit(main())
