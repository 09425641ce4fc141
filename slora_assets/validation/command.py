"""The validation worker: `python -m slora_assets.validation.command --run <folder>`.

A process of its own, because sampling holds the accelerator and can be cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slora_assets.config.errors import InterruptedRunError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.validation.prompts import read_prompts
from slora_assets.worker import INTERRUPTED, worker


def validate(arguments: Sequence[str] | None = None) -> int:
    """Validate one finished run. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Judge a run's best adapter against its base.")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    options = parser.parse_args(arguments)
    workspace = Workspace.from_environment()
    try:
        prompts = read_prompts(workspace.validation_prompts)
        with worker(workspace) as here:
            from slora_assets.validation.stage import validate_run

            validate_run(workspace, options.run.absolute(), prompts, here.report, here.should_stop)
    except InterruptedRunError as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return INTERRUPTED
    except SloraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(validate())
