"""The validation worker: `python -m slora_assets.validation.command --run <folder> [--sweep]`.

A process of its own, because sampling holds the accelerator and can be cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.processes.worker import exit_status, worker


def validate(arguments: Sequence[str] | None = None) -> int:
    """Validate one finished run. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Judge a run's best adapter against its base.")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--sweep", action="store_true", help="judge it at several strengths")
    options = parser.parse_args(arguments)
    return exit_status(lambda: _judge(options.run.absolute(), options.sweep))


def _judge(run: Path, sweep: bool) -> int:
    workspace = Workspace.from_environment()
    prompts = read_validation_prompts(workspace.validation_prompts)
    with worker(workspace) as here:
        from slora_assets.validation.stage import validate_run
        from slora_assets.validation.sweep import sweep_run

        stage = sweep_run if sweep else validate_run
        stage(workspace, run, prompts, here.report, here.should_stop)
    return 0


if __name__ == "__main__":
    sys.exit(validate())
