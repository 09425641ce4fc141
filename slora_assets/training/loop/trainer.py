"""The training loop: fetch, forward, backward, check finite, step, log when due.

It knows no model (the base does), no metric (validation does) and no file but its checkpoints. The
host waits for the device only where something is due: a log line, a checkpoint, an epoch's end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.base_models.seam import LoraShape, TrainingBatch, VideoBase
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.training import TrainingSettings
from slora_assets.training.accelerator import TrainingAccelerator
from slora_assets.training.loop.checkpoints import (
    Restored,
    RunPosition,
    load_checkpoint,
    save_checkpoint,
)
from slora_assets.training.loop.draws import epoch_order
from slora_assets.training.loop.feeding import Feeder
from slora_assets.training.loop.guard import FiniteGuard
from slora_assets.training.loop.optimizer import learning_rate, new_optimizer
from slora_assets.training.loop.samples import Samples
from slora_assets.training.speed.fused_lora import fuse_adapter
from slora_assets.training.speed.levers import apply_levers
from slora_assets.training.speed.sharding import prepare_sharded

if TYPE_CHECKING:
    import torch

_ASK_OTHERS_EVERY = 10
"""Steps between two questions whether another process was asked to stop: each is a wait."""


@dataclass(frozen=True)
class StepLog:
    """What is known after a step that is due for logging."""

    step: int
    epoch: int
    loss: float
    grad_norm: float
    learning_rate: float


@dataclass
class Hooks:
    """What the loop tells its surroundings, and what it asks them."""

    on_start: Callable[[RunPosition], None]
    """Called once, with where the run begins or goes on."""
    on_log: Callable[[StepLog], None]
    on_epoch_trained: Callable[[RunPosition], None]
    """Validate and export; may raise InterruptedRunError."""
    should_stop: Callable[[], bool]


MicroBatch = tuple[TrainingBatch, list[str]]
"""A micro-batch on the host, and its clips' ids."""


class Trainer:
    """One run's model, optimizer and data. Several processes each hold one, kept equal."""

    def __init__(
        self,
        base: VideoBase,
        samples: Samples,
        settings: TrainingSettings,
        run_hash: str,
        accelerator: TrainingAccelerator,
    ) -> None:
        """`run_hash` marks the checkpoints."""
        import torch

        self._base, self.samples, self.settings = base, samples, settings
        self._run_hash, self._accelerator = run_hash, accelerator
        self.device: torch.device = accelerator.device
        self.dtype = settings.training_dtype
        levers = settings.levers
        sharded = levers.shard_blocks
        # A base that is shared need not fit the device whole.
        at_first = "cpu" if sharded else str(self.device)
        self.transformer = base.load_transformer(at_first, self.dtype)
        base.add_adapter(self.transformer, LoraShape.of(settings.lora), settings.seed)
        if self.settings.gradient_checkpointing:
            self.transformer.enable_gradient_checkpointing()
        if levers.quantize == "none" and not levers.compile_blocks:
            # Rounded weights have products of their own; the compiler fuses by itself.
            fuse_adapter(self.transformer)
        apply_levers(self.transformer, levers, str(self.device))
        self.parameters = {
            name: p for name, p in self.transformer.named_parameters() if p.requires_grad
        }
        self._raw_optimizer = new_optimizer(self.parameters.values(), self.settings.optimizer)
        prepare = partial(prepare_sharded, accelerator) if sharded else accelerator.prepare
        self._model, self._optimizer = prepare(self.transformer, self._raw_optimizer)
        self._guard = FiniteGuard(
            self.device, self._raw_optimizer, asks_at_once=self.device.type == "cpu"
        )
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)

    @property
    def steps_per_epoch(self) -> int:
        """Whole global batches in an epoch, at least one; the rest of the clips waits."""
        return max(1, self.samples.clips * self.settings.repeats // self._global_batch)

    @property
    def _global_batch(self) -> int:
        s = self.settings
        return s.batch_size * s.accumulation_steps * self._accelerator.num_processes

    def restore(self, state_folder: Path, earlier_hashes: Collection[str] = ()) -> Restored | None:
        """Be as the newest checkpoint in `state_folder` says; None where there is none.

        Checkpoints of this run count, and those of `earlier_hashes`. Raises TrainingError and
        IntegrityError for checkpoints that it can't go on from.
        """
        known = {self._run_hash, *earlier_hashes}
        restored = load_checkpoint(state_folder, known, self.parameters, self._raw_optimizer)
        if restored and restored.scaler and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(restored.scaler)
        return restored

    def train(self, progress: RunPosition, state_folder: Path, hooks: Hooks) -> RunPosition:
        """Train from `progress` to the end.

        Raises InterruptedRunError after a checkpoint when asked to stop, TrainingError when a loss
        or gradient is NaN or infinite (before the optimizer steps; the last checkpoint stays).
        """
        self._loss_sum.fill_(progress.loss_sum)
        hooks.on_start(progress)
        while progress.epoch <= self.settings.epochs:
            if progress.step_in_epoch < self.steps_per_epoch:
                progress = self._train_epoch(progress, state_folder, hooks)
            if not progress.validated:
                hooks.on_epoch_trained(progress)
                progress = replace(progress, validated=True)
                self._save(state_folder, progress)
            if progress.epoch == self.settings.epochs:
                break
            progress = RunPosition(epoch=progress.epoch + 1, step=progress.step)
            self._loss_sum.zero_()
        return progress

    def _train_epoch(self, progress: RunPosition, state_folder: Path, hooks: Hooks) -> RunPosition:
        settings = self.settings
        order = epoch_order(self.samples.clips, settings.repeats, settings.seed, progress.epoch)
        first = progress.step - progress.step_in_epoch

        def make(step_in_epoch: int) -> list[MicroBatch]:
            return self._micro_batches(first + step_in_epoch, step_in_epoch, order)

        self.transformer.train()  # the validation before it was not
        feeder = Feeder(make, progress.step_in_epoch, self.steps_per_epoch)
        try:
            while progress.step_in_epoch < self.steps_per_epoch:
                if self._agreed_to_stop(progress.step, hooks.should_stop):
                    self._save(state_folder, progress)
                    raise InterruptedRunError(
                        f"stopped at step {progress.step} as asked; it is checkpointed",
                        remedy="the same command goes on from there",
                    )
                loss, norm = self._step(progress.step, feeder.take())
                progress = replace(
                    progress, step=progress.step + 1, step_in_epoch=progress.step_in_epoch + 1
                )
                if progress.step % settings.log_every_steps == 0:
                    self._guard.check()
                    rate = self._learning_rate(progress.step - 1)
                    hooks.on_log(
                        StepLog(progress.step, progress.epoch, float(loss), float(norm), rate)
                    )
                due = progress.step % settings.checkpoint_every_steps == 0
                if due or progress.step_in_epoch == self.steps_per_epoch:
                    progress = self._save(state_folder, progress)
        finally:
            feeder.close()
        return progress

    def _step(self, step: int, batches: list[MicroBatch]) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimizer step. Returns the global batch's loss and the gradient norm, on the
        device."""
        import torch

        rate = self._learning_rate(step)
        for group in self._raw_optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        trained: list[str] = []
        for number, (batch, clip_ids) in enumerate(batches, start=1):
            # Processes exchange gradients once per step, with the last micro-batch.
            last = number == len(batches)
            with nullcontext() if last else self._accelerator.no_sync(self._model):
                with self._accelerator.autocast():
                    losses = self._base.training_loss(self._model, batch.to(self.device))
                loss = losses.mean() / len(batches)
                self._accelerator.backward(loss)
            total += loss.detach()
            trained += clip_ids
        norm = self._accelerator.clip_grad_norm_(
            list(self.parameters.values()), self.settings.optimizer.max_grad_norm
        )
        if self._accelerator.num_processes > 1:
            total = self._accelerator.reduce(total, reduction="mean")
        scaled = self._accelerator.scaler is not None
        self._guard.judge(step + 1, total, None if scaled else norm, trained)
        self._optimizer.step()
        self._loss_sum += total
        return total, norm

    def _agreed_to_stop(self, step: int, should_stop: Callable[[], bool]) -> bool:
        """Whether any process was asked to stop: all leave at the same step or none does."""
        import torch

        if self._accelerator.num_processes == 1:
            return should_stop()
        if step % _ASK_OTHERS_EVERY:
            return False
        asked = torch.tensor(float(should_stop()), device=self.device)
        return bool(self._accelerator.reduce(asked, reduction="sum") > 0)

    def _micro_batches(self, step: int, step_in_epoch: int, order: list[int]) -> list[MicroBatch]:
        """This process's share of the step's global batch."""
        size = self.settings.batch_size
        first = step_in_epoch * self._global_batch
        rank, processes = self._accelerator.process_index, self._accelerator.num_processes
        batches = []
        for micro in range(self.settings.accumulation_steps):
            start = (micro * processes + rank) * size
            slots = range(start, start + size)
            chosen = [order[(first + slot) % len(order)] for slot in slots]
            batches.append(self.samples.batch(step, list(slots), chosen))
        return batches

    def _learning_rate(self, step: int) -> float:
        total = self.steps_per_epoch * self.settings.epochs
        return learning_rate(self.settings.optimizer, step, total)

    def _save(self, state_folder: Path, progress: RunPosition) -> RunPosition:
        """Checkpoint, unless a step since the last check was NaN or infinite."""
        self._guard.check()
        progress = replace(progress, loss_sum=float(self._loss_sum))
        if self._accelerator.is_main_process:
            scaler = self._accelerator.scaler
            save_checkpoint(
                state_folder,
                self._run_hash,
                progress,
                self.parameters,
                self._raw_optimizer,
                scaler.state_dict() if scaler is not None else None,
            )
        self._accelerator.wait_for_everyone()
        return progress
