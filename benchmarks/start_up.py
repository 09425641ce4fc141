"""Start to first step with latents cached: `python benchmarks/start_up.py`; target at most 10 s.

From launching the training command, as a user types it, to the line of its first step.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import training_workspace
from peer_data import PROJECT

_RECIPE = "schema_version: 1\nlog_every_steps: 1\n"


def once(command: list[str], environment: dict[str, str]) -> float:
    """Seconds to the first step's line; the run is ended after it."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if ": step 1/" in line:
            break
    seconds = time.monotonic() - began
    os.killpg(process.pid, 15)
    process.communicate()
    if not any(": step 1/" in line for line in lines):
        sys.exit("".join(lines))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    script = str(PROJECT / "src" / "train_scenario_lora.py")
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        "1",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    with tempfile.TemporaryDirectory() as folder:
        workspace, environment = training_workspace.prepare(Path(folder), _RECIPE)
        print("| launched by | start to first step | of runs | target |\n|---|---|---|---|")
        for name, prefix in (("python", [sys.executable]), ("accelerate launch", launch)):
            took = [
                once(
                    [
                        *prefix,
                        script,
                        *training_workspace.command(workspace, Path(folder) / f"{name} {number}"),
                    ],
                    environment,
                )
                for number in range(options.runs)
            ]
            print(
                f"| {name} | {statistics.median(took):.1f} s"
                f" ({min(took):.1f} to {max(took):.1f}) | {options.runs} | 10 s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
