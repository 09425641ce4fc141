"""kill -9 at random moments, the same command again: `python benchmarks/kill_resume.py --kills 50`.

Each kill has a run of its own, begun from nothing and killed at a moment drawn evenly over the
length of an undisturbed run (a run that was faster is drawn again); then the same command runs to
its end and every file of the run but `state/`, the way there, is compared with the undisturbed
run's. Runs are forked from a process that has loaded the libraries, so that the moments lie in the
training and not in Python's imports. Target: all equal, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import training_workspace
from peer_data import SCENARIO

from slora_assets.config.workspace import Workspace
from slora_assets.provenance import sha256_file

_RECIPE = """\
schema_version: 1
epochs: 3
repeats: 2
log_every_steps: 1
checkpoint_every_steps: 2
keep_top_k_adapters: 2
validation: {prompts: 1, steps: 2, max_clips: 2}
"""


def preload() -> None:
    """Import what a training imports; nothing may start a thread, or children could hang."""
    import accelerate  # noqa: F401
    import diffusers.pipelines.cogvideo.pipeline_cogvideox  # noqa: F401
    import open_clip  # noqa: F401
    import peft  # noqa: F401
    import torch.utils.tensorboard  # noqa: F401
    import transformers  # noqa: F401

    import slora_assets.training.run  # noqa: F401


def start(workspace: Workspace, output_root: Path) -> int:
    """Fork a training command; returns its process."""
    child = os.fork()
    if child:
        return child
    from slora_assets.training.command import train_scenarios

    log = (output_root.parent / "log.txt").open("a")
    os.dup2(log.fileno(), sys.stdout.fileno())
    os.dup2(log.fileno(), sys.stderr.fileno())
    status = 1
    try:
        status = train_scenarios(training_workspace.command(workspace, output_root))
    finally:
        os._exit(status)


def finish(workspace: Workspace, output_root: Path) -> None:
    """Run the command to its end. Exits when it fails."""
    _, status = os.waitpid(start(workspace, output_root), 0)
    if status:
        sys.exit(f"the run failed with {status}:\n{(output_root.parent / 'log.txt').read_text()}")


def contents(run: Path) -> dict[str, str]:
    """Every file of a run but its resume state, by hash."""
    files = (path.relative_to(run) for path in run.rglob("*") if path.is_file())
    return {name.as_posix(): sha256_file(run / name) for name in files if name.parts[0] != "state"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # A process of its own prepares: it starts threads, which children of a fork would lack.
        if (child := os.fork()) == 0:
            training_workspace.prepare(root, _RECIPE, clips=12)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit("the workspace could not be prepared")
        configs = root / "workspace" / "configs"
        workspace = Workspace(root / "workspace", configs, configs / "data" / "peer.yaml")
        preload()
        began = time.monotonic()
        finish(workspace, root / "undisturbed")
        length = time.monotonic() - began
        wanted = contents(root / "undisturbed" / SCENARIO)
        print(f"an undisturbed run takes {length:.1f} s and leaves {len(wanted)} files", flush=True)
        equal, killed, steps = 0, 0, []
        while killed < options.kills:
            again = root / "again"
            shutil.rmtree(again, ignore_errors=True)
            child = start(workspace, again)
            time.sleep(moments.uniform(0, length))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status) or (again / SCENARIO).exists():
                continue
            killed += 1
            states = sorted((again / f".{SCENARIO}.partial" / "state").glob("step_*"))
            steps.append(states[-1].name if states else "none")
            finish(workspace, again)
            same = contents(again / SCENARIO) == wanted
            equal += same
            print(
                f"kill {killed}: newest checkpoint {steps[-1]}: {'equal' if same else 'DIFFERS'}",
                flush=True,
            )
        print(f"| killed at random, then resumed | {equal} of {killed} equal | all |")
        sys.exit(equal != killed)


if __name__ == "__main__":
    main()
