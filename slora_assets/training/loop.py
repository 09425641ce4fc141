"""The training loop: fetch, forward, backward, check finite, step, log when due.

It knows no model (the base does), no metric (validation does) and no file but its checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slora_assets.base_models.base import TrainingBatch
from slora_assets.config.errors import InterruptedRunError, TrainingError
from slora_assets.config.training import OptimizerSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import Clip
from slora_assets.latents.cache import read_array, text_file
from slora_assets.training.checkpoints import Progress, load_checkpoint, save_checkpoint
from slora_assets.training.draws import draw_sample, epoch_order
from slora_assets.training.export import lora_shape
from slora_assets.training.plan import RunPlan, cache_keys, prompt_key

_PREPROCESS = "run `make preprocess`"


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

    on_start: Callable[[Progress], None]
    """Called once, with where the run begins or goes on."""
    on_log: Callable[[StepLog], None]
    on_epoch_trained: Callable[[Progress], None]
    """Validate and export; may raise InterruptedRunError."""
    should_stop: Callable[[], bool]


def learning_rate(settings: OptimizerSettings, step: int, total: int) -> float:
    """The rate of the step numbered `step` from 0 on, of `total` steps."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if settings.lr_scheduler == "constant":
        return settings.learning_rate
    passed = (step - settings.warmup_steps) / max(1, total - settings.warmup_steps)
    return settings.learning_rate * (1 + math.cos(math.pi * min(1.0, passed))) / 2


class Trainer:
    """One run's model, optimizer and data. Several processes each hold one, kept equal."""

    def __init__(self, plan: RunPlan, workspace: Workspace, accelerator: Any) -> None:
        import torch

        self.plan, self._workspace, self._accelerator = plan, workspace, accelerator
        self.settings = plan.settings
        device = str(accelerator.device)
        dtype = {"no": "float32", "fp16": "float16", "bf16": "bfloat16"}[self.settings.precision]
        self.dtype = dtype
        self.transformer = plan.base.load_transformer(device, dtype)
        plan.base.add_adapter(self.transformer, lora_shape(plan), self.settings.seed)
        if self.settings.gradient_checkpointing:
            self.transformer.enable_gradient_checkpointing()
        self.parameters = {
            name: p for name, p in self.transformer.named_parameters() if p.requires_grad
        }
        optimizer = self.settings.optimizer
        raw = torch.optim.AdamW(
            self.parameters.values(),
            lr=optimizer.learning_rate,
            betas=optimizer.betas,
            eps=optimizer.epsilon,
            weight_decay=optimizer.weight_decay,
        )
        self._raw_optimizer = raw
        self._model, self._optimizer = accelerator.prepare(self.transformer, raw)
        self._clips = plan.train_clips()
        self._scale = plan.base.vae_scale()

    @property
    def steps_per_epoch(self) -> int:
        """Whole global batches in an epoch, at least one; the rest of the clips waits."""
        return max(1, len(self._clips) * self.settings.repeats // self._global_batch)

    @property
    def _global_batch(self) -> int:
        s = self.settings
        return s.batch_size * s.accumulation_steps * int(self._accelerator.num_processes)

    def train(self, state_folder: Path, hooks: Hooks) -> Progress:
        """Train to the end, from the newest checkpoint in `state_folder` if there is one.

        Raises InterruptedRunError after a checkpoint when asked to stop, TrainingError when a loss
        or gradient is no number (before the optimizer steps; the last checkpoint stays).
        """
        restored = load_checkpoint(
            state_folder, self.plan.run_hash, self.parameters, self._raw_optimizer
        )
        progress, scaler = restored or (Progress(), None)
        if scaler and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(scaler)
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
            progress = Progress(epoch=progress.epoch + 1, step=progress.step)
        return progress

    def _train_epoch(self, progress: Progress, state_folder: Path, hooks: Hooks) -> Progress:
        order = epoch_order(
            len(self._clips), self.settings.repeats, self.settings.seed, progress.epoch
        )
        while progress.step_in_epoch < self.steps_per_epoch:
            if self._agreed(hooks.should_stop()):
                self._save(state_folder, progress)
                raise InterruptedRunError(
                    f"stopped at step {progress.step} as asked; it is checkpointed",
                    remedy="the same command goes on from there",
                )
            loss, grad_norm = self._step(progress, order)
            progress = replace(
                progress,
                step=progress.step + 1,
                step_in_epoch=progress.step_in_epoch + 1,
                loss_sum=progress.loss_sum + loss,
            )
            if progress.step % self.settings.log_every_steps == 0:
                rate = self._learning_rate(progress.step - 1)
                hooks.on_log(StepLog(progress.step, progress.epoch, loss, grad_norm, rate))
            due = progress.step % self.settings.checkpoint_every_steps == 0
            if due or progress.step_in_epoch == self.steps_per_epoch:
                self._save(state_folder, progress)
        return progress

    def _step(self, progress: Progress, order: list[int]) -> tuple[float, float]:
        """One optimizer step. Returns the global batch's loss and the gradient norm."""
        self.transformer.train()
        rate = self._learning_rate(progress.step)
        for group in self._raw_optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        total = 0.0
        trained: list[str] = []
        for batch, clip_ids in self._micro_batches(progress, order):
            with self._accelerator.autocast():
                losses = self.plan.base.training_loss(self._model, self._scale, batch)
            loss = losses.mean() / self.settings.accumulation_steps
            self._accelerator.backward(loss)
            total += float(loss.detach())
            trained += clip_ids
        norm = self._accelerator.clip_grad_norm_(
            list(self.parameters.values()), self.settings.optimizer.max_grad_norm
        )
        grad_norm = float(norm)
        # With fp16 the scaler skips a step whose gradients overflow and lowers its scale: normal.
        if not math.isfinite(total) or (
            not math.isfinite(grad_norm) and self._accelerator.scaler is None
        ):
            raise TrainingError(
                f"step {progress.step + 1} gave a loss of {total} and a gradient norm of"
                f" {grad_norm}, on clips {', '.join(trained)}",
                remedy="lower optimizer.learning_rate, or check the precision; the last checkpoint"
                " stands",
            )
        self._optimizer.step()
        return self._mean(total), grad_norm

    def _agreed(self, stop: bool) -> bool:
        """Whether any process was asked to stop: all leave at the same step or none does."""
        return stop if self._accelerator.num_processes == 1 else self._mean(float(stop)) > 0

    def _mean(self, value: float) -> float:
        """The mean of a number over all processes, equal on each."""
        import torch

        if self._accelerator.num_processes == 1:
            return value
        number = torch.tensor(value, dtype=torch.float32, device=self._accelerator.device)
        return float(self._accelerator.reduce(number, reduction="mean"))

    def _micro_batches(
        self, progress: Progress, order: list[int]
    ) -> Iterator[tuple[TrainingBatch, list[str]]]:
        """This process's share of the step's global batch, in micro-batches."""
        size = self.settings.batch_size
        first = progress.step_in_epoch * self._global_batch
        rank, processes = self._accelerator.process_index, self._accelerator.num_processes
        for micro in range(self.settings.accumulation_steps):
            start = (micro * processes + rank) * size
            slots = range(start, start + size)
            chosen = [self._clips[order[(first + slot) % len(order)]] for slot in slots]
            yield self._batch(progress.step, list(slots), chosen), [clip.id for clip in chosen]

    def _batch(self, step: int, slots: list[int], clips: list[Clip]) -> TrainingBatch:
        import numpy as np
        import torch

        settings, device = self.settings, self._accelerator.device
        moments, embeddings, draws = [], [], []
        for slot, clip in zip(slots, clips, strict=True):
            array = read_array(
                self._workspace.root / clip.latent, "moments", cache_keys(self.plan, clip),
                _PREPROCESS,
            )  # fmt: skip
            shape = (array.shape[0] // 2, *array.shape[1:])
            draw = draw_sample(
                settings.seed, step, slot, clip.id, shape, len(clip.prompts),
                settings.caption_dropout, settings.high_noise,
            )  # fmt: skip
            moments.append(array)
            embeddings.append(self.embedding(clip.prompts[draw.prompt] if draw.prompt >= 0 else ""))
            draws.append(draw)
        return TrainingBatch(
            moments=torch.from_numpy(np.stack(moments)).float().to(device),
            embeddings=torch.from_numpy(np.stack(embeddings)).float().to(device),
            noise=torch.stack([draw.noise for draw in draws]).to(device),
            posterior_noise=torch.stack([draw.posterior_noise for draw in draws]).to(device),
            positions=torch.tensor([draw.position for draw in draws], device=device),
        )

    def embedding(self, prompt: str) -> Any:
        """The cached embedding [L, D] of a prompt. Raises MissingInputError, IntegrityError."""
        path = text_file(self._workspace.text_embeddings, prompt, self.plan.identity)
        return read_array(path, "embedding", prompt_key(self.plan, prompt), _PREPROCESS)

    def _learning_rate(self, step: int) -> float:
        total = self.steps_per_epoch * self.settings.epochs
        return learning_rate(self.settings.optimizer, step, total)

    def _save(self, state_folder: Path, progress: Progress) -> None:
        if self._accelerator.is_main_process:
            scaler = self._accelerator.scaler
            save_checkpoint(
                state_folder, self.plan.run_hash, progress, self.parameters, self._raw_optimizer,
                scaler.state_dict() if scaler is not None else None,
            )  # fmt: skip
        self._accelerator.wait_for_everyone()
