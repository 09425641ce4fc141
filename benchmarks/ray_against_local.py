"""A Ray cluster beside this machine alone: `python benchmarks/ray_against_local.py one|two|killed`.

`one`: frames and latents of the same clips, and a training, by the graph's commands, here and on a
cluster of one node with all cores: seconds, and the ratio of their medians (target at most 1.10).
`two`: clips per second on two nodes of one core each, and held to it, over one such node (target at
least 1.7). `killed`: a node dies at a random moment while latents are encoded, and while an adapter
is trained; how many of the trials end with the bytes of an undisturbed one (target all). Nodes are
processes of this machine; a cluster is started once, before anything is timed. What Ray needs to
start our processes on it is in the seconds of `one`, not in the rates of `two`, which count from
the first clip that comes back.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import training_workspace
import with_tests  # noqa: F401
from peer_data import SCENARIO

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.latents import cache_latents
from slora_assets.config.compute import Compute
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import scenario_manifest
from slora_assets.processes.progress import ProgressCallback
from slora_assets.processes.starting import start_afresh
from slora_assets_tests.processes.ray_cluster import Nodes, ray_cluster

_RECIPE = """\
schema_version: 1
epochs: 3
repeats: 2
log_every_steps: 1
checkpoint_every_steps: 2
keep_top_k_adapters: 2
validation: {prompts: 1, steps: 2, max_clips: 2}
"""
_CACHING = "slora_assets.caches.command"
_TRAINING = "slora_assets.training.command"
_CLUSTER = "slora_assets.processes.cluster.command"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["one", "two", "killed"])
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--of", nargs="+", choices=[*WORK], default=[*WORK], help="work of `one`")
    parser.add_argument("--trials", type=int, default=10, help="of `killed`, each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        workspace, environment = training_workspace.prepare(Path(root), _RECIPE, options.clips)
        os.environ.update(environment)
        with ray_cluster() as nodes:
            if options.kind == "one":
                nodes.add(os.cpu_count() or 1)
                one(workspace, options.rounds, options.of)
            elif options.kind == "two":
                two(workspace, nodes, options.rounds)
            else:
                killed(workspace, nodes, options.trials, random.Random(options.seed))


def one(workspace: Workspace, rounds: int, names: list[str]) -> None:
    for name in names:
        work = WORK[name]
        took: dict[Compute, list[float]] = {"local": [], "ray": []}
        for _ in range(rounds):
            for compute in took:
                took[compute].append(seconds(work, workspace, compute))
        here, there = (statistics.median(took[compute]) for compute in took)
        print(
            f"{name}: local {here:.1f} s, ray {there:.1f} s, ratio {there / here:.2f}", flush=True
        )


def two(workspace: Workspace, nodes: Nodes, rounds: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    for name, work in (("frames", frames), ("latents", latents)):
        rates = []
        for number in (1, 2):
            while len(nodes.working) < number:
                nodes.add(on={cores[len(nodes.working)]})
            while len(nodes.working) > number:
                nodes.kill(nodes.working[-1])
            rates.append(statistics.median(rate(work, workspace) for _ in range(rounds)))
        print(f"{name}: one node {rates[0]:.2f} clips/s, two {rates[1]:.2f}, ", end="")
        print(f"ratio {rates[1] / rates[0]:.2f}")


def rate(work: Callable[..., None], workspace: Workspace) -> float:
    """Clips per second, from the first that came back on: Ray's start is over by then."""
    came: list[float] = []
    work(workspace, "ray", lambda done, total: came.append(time.perf_counter()))
    return (len(came) - 1) / (came[-1] - came[0])


def killed(workspace: Workspace, nodes: Nodes, trials: int, draw: random.Random) -> None:
    for name, work in (("latents", latents), ("training", train)):
        work(workspace, "local")
        expected, same = result(workspace, name), 0
        nodes.add()
        took = seconds(work, workspace, "ray")
        for trial in range(trials):
            while len(nodes.working) < 2:
                nodes.add()
            at = draw.uniform(0.3, 0.9) * took  # a training's node is hit in half of the trials
            timer = threading.Timer(at, nodes.kill, [draw.choice(nodes.working)])
            timer.start()
            work(workspace, "ray")
            timer.join()
            same += result(workspace, name) == expected
            print(f"{name}, trial {trial + 1}, killed after {at:.1f} s: {same} equal", flush=True)
        print(f"{name}: {same} of {trials} equal to an undisturbed one")


def seconds(
    work: Callable[[Workspace, Compute], None], workspace: Workspace, compute: Compute
) -> float:
    began = time.perf_counter()
    work(workspace, compute)
    return time.perf_counter() - began


def forget_frames(workspace: Workspace) -> None:
    clips = scenario_manifest(workspace, SCENARIO).clips
    index = workspace.first_frame_index(SCENARIO)
    for folder in ((workspace.root / clips[0].first_frame).parent, index.parent):
        shutil.rmtree(folder, ignore_errors=True)


def frames(
    workspace: Workspace, compute: Compute, progress: ProgressCallback | None = None
) -> None:
    forget_frames(workspace)
    clips = scenario_manifest(workspace, SCENARIO).clips
    index = workspace.first_frame_index(SCENARIO)
    cache_first_frames(clips, workspace.root, index, workspace.quarantine, progress, compute)


def frames_by_command(workspace: Workspace, compute: Compute) -> None:
    forget_frames(workspace)
    run([_CACHING, "first_frames", "--scenario", SCENARIO, "--compute", compute])


def forget_latents(workspace: Workspace) -> None:
    shutil.rmtree(workspace.latents / SCENARIO, ignore_errors=True)


def latents_by_command(workspace: Workspace, compute: Compute) -> None:
    forget_latents(workspace)
    run([_CACHING, "latents", "--scenario", SCENARIO, "--compute", compute])


def latents(
    workspace: Workspace, compute: Compute, progress: ProgressCallback | None = None
) -> None:
    forget_latents(workspace)
    clips = scenario_manifest(workspace, SCENARIO).usable()
    base = open_base("miniature", workspace.models)
    inside = workspace.root, workspace.quarantine
    cache_latents(clips, base, *inside, None, progress, compute=compute)


def train(workspace: Workspace, compute: Compute) -> None:
    root = workspace.root / "runs"
    shutil.rmtree(root, ignore_errors=True)
    command = [_TRAINING, "scenarios", *training_workspace.command(workspace, root)]
    command += ["--tracker", "none"]
    if compute == "ray":
        command = [_CLUSTER, "--work", "benchmark", *command]
    run(command)


def run(command: list[str]) -> None:
    worker = start_afresh([sys.executable, "-m", *command], {})
    said = worker.output.read()
    if worker.wait():
        sys.exit(said.decode())


def result(workspace: Workspace, name: str) -> dict[str, bytes]:
    folder = workspace.latents if name == "latents" else workspace.root / "runs"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "state" not in path.parts and path.name not in _OF_TIMES
    }


WORK = {"frames": frames_by_command, "latents": latents_by_command, "training": train}
_OF_TIMES = (".verified.json", "journal.jsonl")
"""Files that say when something was, and not what."""


if __name__ == "__main__":
    main()
