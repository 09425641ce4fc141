"""Prints each asset (and scenario) that Dagster calls stale, and how many there are.

`python benchmarks/stale_assets.py` in a project where `make demo` has run; exits 1 if any is. With
`--edits` it also edits the configuration, one key after the other, takes each edit back, and counts
those that made stale exactly what depends on the key.
"""

import argparse
import random
import sys

import dagster as dg
import with_tests  # noqa: F401

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.home import prepare_home
from slora_assets_tests.defs.edits import edits
from slora_assets_tests.defs.staleness import Watched


def main() -> int:
    """Ask the workspace's instance for every asset of the graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=0, help="so many random ones of those known")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    workspace = Workspace.from_environment()
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        watched = Watched(build_definitions(), instance)
        found = watched.stale()
        for name in sorted(found):
            print(name)
        print(f"{len(found)} stale")
        wrong = _play(watched, workspace, options.edits, options.seed) if options.edits else 0
    return 1 if found or wrong else 0


def _play(watched: Watched, workspace: Workspace, count: int, seed: int) -> int:
    asked = read_validation_prompts(workspace.validation_prompts).scenarios
    prompts = {
        name: [prompt.text for prompt in written.prompts]
        for name, written in asked.items()
        if workspace.scenario_run(name).is_dir()
    }
    chosen = random.Random(seed).sample(edits(prompts), count)
    right = 0
    for edit in chosen:
        take_back = edit.apply(workspace.configs)
        try:
            now = watched.stale()
        finally:
            take_back()
        if now == edit.stale and not watched.stale():
            right += 1
        else:
            print(f"{edit.name}: stale {sorted(now)}, expected {sorted(edit.stale)}")
    print(f"{right} of {count} edits made stale what depends on them, and nothing else")
    return count - right


if __name__ == "__main__":
    sys.exit(main())
