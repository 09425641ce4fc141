"""Scenarios trained in lanes against one after another: `python benchmarks/lanes.py WORKSPACE`.

`WORKSPACE` is one in which `make data preprocess` was run; it is copied, and nothing in it changes.
Prints the seconds of `make train-scenarios`, start and end included, with one lane and with as many
as are asked for; the ratio of their medians (target at most 0.8 on two cores); and whether
adapters have the same weights, bit by bit: if they haven't, it ends non-zero. Scores, which headers
hold as well, differ in a late digit with the number of threads that a lane has.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.numpy import load_file

from slora_assets.documents import ADAPTER_FILE
from slora_assets.provenance import sha256_bytes

_NEEDED = ("data", "configs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", default="repeats=9", help="over the recipe; shorter than a demo's")
    options = parser.parse_args()
    took: dict[int, list[float]] = {1: [], options.lanes: []}
    made = []
    for _ in range(options.rounds):
        for lanes, seconds in took.items():
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder) / "workspace"
                for name in _NEEDED:
                    if (options.workspace / name).is_dir():
                        shutil.copytree(options.workspace / name, root / name)
                began = time.perf_counter()
                train(root, lanes, options.set)
                seconds.append(time.perf_counter() - began)
                made.append(weights(root))
                print(f"{lanes} lanes: {seconds[-1]:.1f} s", flush=True)
    one, many = (statistics.median(seconds) for seconds in took.values())
    same = all(one_made == made[0] for one_made in made)
    print(f"{options.lanes} lanes over one: {many / one:.2f}; the same weights: {same}")
    return 0 if same else 1


def weights(root: Path) -> dict[str, str]:
    """A hash of each tensor of each adapter."""
    return {
        f"{file.relative_to(root)} {name}": sha256_bytes(tensor.tobytes())
        for file in sorted(root.glob(f"checkpoints/**/{ADAPTER_FILE}"))
        for name, tensor in load_file(file).items()
    }


def train(root: Path, lanes: int, over: str) -> None:
    """In a process of its own, as a person would."""
    environment = os.environ | {
        "SLORA_WORKSPACE": str(root),
        "DAGSTER_HOME": str(root / ".dagster"),
        "SLORA_LANES": str(lanes),
        "SLORA_SET": over,
    }
    command = [sys.executable, "-m", "slora_assets.defs.launch", "train-scenarios"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
