"""Our step over the bare floor: `python benchmarks/training_step.py`; target at most 1.05.

The floor is forward, backward, gradient clipping and AdamW of the same model with the same adapter,
its layers PEFT's, on one batch that is there already, and nothing else. Ours is the real loop with
all that it does: reading caches, drawing noise, judging, logging every ten steps, a checkpoint
every fifty. Both alternate, ten steps each, in one process; the ratio is the median over the pairs.
What slows a whole process down slows both: so the bare step is also timed before the loop is
there.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import as_runs_do  # noqa: F401  # first
import training_workspace
from models import build_cogvideox

from slora_assets.base_models.seam import LoraShape
from slora_assets.config.errors import InterruptedRunError
from slora_assets.processes.device import compute_repeatably
from slora_assets.training.loop.checkpoints import RunPosition
from slora_assets.training.loop.optimizer import new_optimizer
from slora_assets.training.loop.samples import Samples
from slora_assets.training.loop.trainer import Hooks, StepLog
from slora_assets.training.plan import RunPlan
from slora_assets.training.run import new_reader, new_trainer

STEPS = 10
_RECIPE = """\
schema_version: 1
base_model: {base}
epochs: 1
repeats: 10000
batch_size: {batch}
log_every_steps: 10
checkpoint_every_steps: 50
"""


class Floor:
    """The bare step."""

    def __init__(self, plan: RunPlan, samples: Samples) -> None:
        self._base = plan.base
        self._model = plan.base.load_transformer("cpu", "float32")
        plan.base.add_adapter(self._model, LoraShape.of(plan.settings.lora), plan.settings.seed)
        self._trained = [p for p in self._model.parameters() if p.requires_grad]
        self._optimizer = new_optimizer(self._trained, plan.settings.optimizer)
        size = plan.settings.batch_size
        self._batch, _ = samples.batch(0, range(size), range(size))
        self._model.train()

    def step(self) -> None:
        import torch

        self._optimizer.zero_grad(set_to_none=True)
        self._base.training_loss(self._model, self._batch).mean().backward()
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()

    def alone_s(self) -> float:
        """Seconds per step where nothing else is there yet, the first ones left out."""
        for _ in range(STEPS):
            self.step()
        began = time.perf_counter()
        for _ in range(2 * STEPS):
            self.step()
        return (time.perf_counter() - began) / (2 * STEPS)


class Pairs:
    """Alternates ten of the loop's steps with ten of the floor's."""

    def __init__(self, floor: Floor, wanted: int) -> None:
        self._floor, self._wanted = floor, wanted
        self.ours: list[float] = []
        self.bare: list[float] = []
        self._began = 0.0
        self._warm = False

    def on_log(self, _log: StepLog) -> None:
        took = time.perf_counter() - self._began
        began = time.perf_counter()
        for _ in range(STEPS):
            self._floor.step()
        bare = time.perf_counter() - began
        if self._warm:
            self.ours.append(took / STEPS)
            self.bare.append(bare / STEPS)
        self._warm = True
        self._began = time.perf_counter()

    def start(self, _progress: Any) -> None:
        self._began = time.perf_counter()

    def enough(self) -> bool:
        return len(self.ours) >= self._wanted


def measure(name: str, root: Path, base: str, batch: int, pairs: int) -> str:
    """One row of the table."""
    from accelerate import Accelerator

    compute_repeatably()  # as runs do
    workspace, _ = training_workspace.prepare(root, _RECIPE.format(base=base, batch=batch))
    plan = training_workspace.plan(workspace, root / "run")
    reader = new_reader(plan, workspace)
    floor = Floor(plan, Samples(plan.data.train_clips(), reader, plan.settings, pinned=False))
    alone = floor.alone_s()
    trainer = new_trainer(plan, reader, Accelerator(cpu=True))
    alternating = Pairs(floor, pairs)
    hooks = Hooks(alternating.start, alternating.on_log, lambda _: None, alternating.enough)
    with contextlib.suppress(InterruptedRunError):
        trainer.train(RunPosition(), root / "state", hooks)
    ours, bare = alternating.ours, alternating.bare
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    return (
        f"| {name}, batch {batch} | {statistics.median(ours) * 1e3:.0f} ms"
        f" | {statistics.median(bare) * 1e3:.0f} ms | {alone * 1e3:.0f} ms | {ratio:.3f} | 1.05 |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    print(
        "| model | our step | bare step | bare, before the loop is there | ratio | target |"
        "\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for batch in (1, 4):
            workspace = root / f"miniature_{batch}"
            print(measure("miniature", workspace, "miniature", batch, options.pairs), flush=True)
        base = build_cogvideox(root / "base", 20e6)
        print(measure("CogVideoX, 20 M", root / "larger", str(base), 4, options.pairs), flush=True)


if __name__ == "__main__":
    main()
