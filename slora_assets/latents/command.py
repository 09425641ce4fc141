"""The caching worker: `python -m slora_assets.latents.command latents --scenario <name>`.

A process of its own, because encoding holds the accelerator, can be cancelled, and should give back
all memory of encoder and VAE before training begins.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter

from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.first_frames import CacheResult
from slora_assets.latents.scenario import CACHES, ScenarioCache
from slora_assets.worker import Worker, exit_status, worker

RESULT = TypeAdapter(CacheResult)
"""How the worker's result travels: as JSON."""

_EVERY_S = 3.0
"""Seconds between two lines of progress."""


def cache(arguments: Sequence[str] | None = None) -> int:
    """Make one cache of one scenario. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Encode a scenario's clips or prompts.")
    parser.add_argument("cache", choices=CACHES)
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--device", help="torch's name of one; default: CUDA where there is one")
    options = parser.parse_args(arguments)
    return exit_status(lambda: _make(options))


def _make(options: argparse.Namespace) -> int:
    workspace = Workspace.from_environment()
    with worker(workspace) as here:
        made = ScenarioCache(options.cache, workspace, options.scenario).make(
            options.device or _device(), _progress(options.cache, here)
        )
        here.hand_over(RESULT.dump_python(made, mode="json"))
    return 0


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _progress(what: str, here: Worker) -> Callable[[int, int], None]:
    """Says every few seconds how far it is, and ends the stage when asked to stop: before a decoder
    that the same signal ended makes a sound clip look broken."""
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if here.should_stop():
            raise InterruptedRunError(
                f"stopped at {done} of {total} {what}, as asked; what was written stands",
                remedy="the same command goes on from there",
            )
        now = time.monotonic()
        if now - last >= _EVERY_S or (done == total and now - began >= _EVERY_S):
            last = now
            here.report(f"{what}: {done}/{total}")

    return progress


if __name__ == "__main__":
    sys.exit(cache())
