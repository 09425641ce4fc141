"""The caching worker: `python -m slora_assets.caches.command latents --scenario <name>`.

A process of its own, because encoding holds the accelerator, can be cancelled, and should give back
all memory of encoder and VAE before training begins.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.scenario import CACHES, ScenarioCache
from slora_assets.config.compute import COMPUTES
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.processes.progress import ProgressCallback, progress_lines
from slora_assets.processes.worker import WorkerContext, exit_status, worker


def cache(arguments: Sequence[str] | None = None) -> int:
    """Make one cache of one scenario. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Make one of a scenario's caches.")
    parser.add_argument("cache", choices=["first_frames", *CACHES])
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--device", help="torch's name of one; default: CUDA where there is one")
    parser.add_argument(
        "--compute", choices=COMPUTES, default="local", help="here, or on a Ray cluster"
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: _make(options))


def _make(options: argparse.Namespace) -> int:
    workspace = Workspace.from_environment()
    with worker(workspace) as here:
        progress = _progress(options.cache, here)
        if options.cache == "first_frames":
            clips = scenario_manifest(workspace, options.scenario).clips
            index = workspace.first_frame_index(options.scenario)
            made = cache_first_frames(
                clips, workspace.root, index, workspace.quarantine, progress, options.compute
            )
        else:
            cache = ScenarioCache(options.cache, workspace, options.scenario)
            made = cache.make(options.device, progress, options.compute)
        here.hand_over(made.model_dump(mode="json"))
    return 0


def _progress(what: str, here: WorkerContext) -> ProgressCallback:
    """Says how far it is, and ends the stage when asked to stop: before a decoder that the same
    signal ended makes a sound clip look broken."""
    say = progress_lines(here.report, what)

    def progress(done: int, total: int) -> None:
        if here.should_stop():
            raise InterruptedRunError(
                f"stopped at {done} of {total} {what}, as asked; what was written stands",
                remedy="the same command goes on from there",
            )
        say(done, total)

    return progress


if __name__ == "__main__":
    sys.exit(cache())
