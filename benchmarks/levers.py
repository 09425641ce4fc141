"""What each lever does to a step's time and to memory: `python benchmarks/levers.py`.

Each setting trains in a process of its own on the same base (about 20 M parameters, random
weights) and clips. Time is the median of the steps after the first three; memory is the most that
was held while training, less what the libraries alone hold. On a CPU offloading can save nothing,
for both memories are one: it shows the cost of recomputing. Reduced precision is slow where the
processor has none.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import as_runs_do  # noqa: F401  # first
import psutil
import training_workspace
from measured import forget_high_water, high_water
from models import build_cogvideox

from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.training.loop.checkpoints import RunPosition
from slora_assets.training.loop.trainer import Hooks, StepLog
from slora_assets.training.run import new_reader, new_trainer

SETTINGS: dict[str, list[str]] = {
    "none": [],
    "gradient_checkpointing": ["gradient_checkpointing=true"],
    "batch 1, accumulation 4": ["batch_size=1", "accumulation_steps=4"],
    "quantize int8": ["levers.quantize=int8"],
    "quantize fp8": ["levers.quantize=fp8"],
    "quantize nf4": ["levers.quantize=nf4"],
    "8-bit AdamW": ["optimizer.kind=adamw_8bit"],
    "all blocks offloaded": ["levers.offload_blocks=6"],
    "blocks compiled": ["levers.compile_blocks=true"],
    "bf16": ["precision=bf16"],
}
_RECIPE = """\
schema_version: 1
base_model: {base}
epochs: 1
repeats: 10000
batch_size: 4
log_every_steps: 1
checkpoint_every_steps: 100000
"""


def train(root: Path, overrides: list[str], steps: int) -> dict[str, Any]:
    """Train in this process and say what it took."""
    import diffusers.models.transformers  # noqa: F401  # the libraries, before they are weighed
    from accelerate import Accelerator

    held = psutil.Process().memory_info().rss
    configs = root / "workspace" / "configs"
    workspace = Workspace(root / "workspace", configs, configs / "data" / "peer.yaml")
    with tempfile.TemporaryDirectory() as folder:
        plan = training_workspace.plan(workspace, Path(folder) / "run", *overrides)
        accelerator = Accelerator(cpu=True, mixed_precision=plan.settings.precision)
        trainer = new_trainer(plan, new_reader(plan, workspace), accelerator)
        forget_high_water()
        times, losses = [time.perf_counter()], []

        def on_log(log: StepLog) -> None:
            times.append(time.perf_counter())
            losses.append(log.loss)

        hooks = Hooks(lambda _: None, on_log, lambda _: None, lambda: len(losses) >= steps)
        try:
            trainer.train(RunPosition(), Path(folder) / "state", hooks)
        except InterruptedRunError:
            took = [b - a for a, b in pairwise(times[3:])]
            return {
                "step_s": statistics.median(took),
                "first_s": times[1] - times[0],
                "memory": high_water(os.getpid()) - held,
                "loss": losses[0],
            }
    raise AssertionError("the run was longer than the benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", help=f"one of {list(SETTINGS)}")
    parser.add_argument("--in-folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_folder:
        print(json.dumps(train(options.in_folder, SETTINGS[options.only], options.steps)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        base = build_cogvideox(root / "base", 20e6)
        training_workspace.prepare(root, _RECIPE.format(base=base))
        print("| lever | step | memory | first step | first loss |\n|---|---|---|---|---|")
        for name in [options.only] if options.only else SETTINGS:
            done = subprocess.run(
                [
                    sys.executable,
                    "-W",
                    "ignore",
                    __file__,
                    "--only",
                    name,
                    "--in-folder",
                    str(root),
                    "--steps",
                    str(options.steps),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} |", flush=True)
                continue
            took = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {name} | {took['step_s']:.3f} s | {took['memory'] / 1e6:.0f} MB"
                f" | {took['first_s']:.1f} s | {took['loss']:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
