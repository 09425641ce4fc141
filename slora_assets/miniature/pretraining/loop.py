"""One resumable training loop for all stages: rates, averages, checkpoints, log.

A step's data and noise depend on (seed, step) alone, so a resumed run repeats an uninterrupted one.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

import torch
from filelock import lock_descriptor
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from slora_assets.config.errors import InterruptedRunError, TrainingError
from slora_assets.miniature.pretraining.optimizer import MuonAdam
from slora_assets.miniature.pretraining.settings import LoopSettings
from slora_assets.provenance import append_line, replacing

log = logging.getLogger(__name__)


class Stage(Protocol):
    """What a stage brings to the loop."""

    def module(self) -> nn.Module:
        """Everything that is trained, as one module on its device."""

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Loss of the batch of this step, and figures for the log."""

    def evaluate(self) -> dict[str, float]:
        """Figures on held-out footage, with the weights the module holds now."""


@dataclass
class Progress:
    """How far a stage is, and the hash of what it was made from."""

    made_from: str
    step: int = 0
    trained_s: float = 0.0


def train(
    stage: Stage,
    settings: LoopSettings,
    folder: Path,
    made_from: str,
    minutes: float | None = None,
) -> None:
    """Train to `settings.steps`, from the last checkpoint in `folder` if there is one.

    `made_from` is the hash of everything that the weights depend on. Stops early with a checkpoint,
    raising InterruptedRunError, after `minutes` or on SIGTERM or SIGINT; raises TrainingError if
    the checkpoint was made from something else or another process trains in `folder`. The averaged
    weights are in the module when it returns.
    """
    with _alone_in(folder):
        _train(stage, settings, folder, made_from, minutes)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as stream:
        if not lock_descriptor(stream.fileno(), blocking=False):
            raise TrainingError(
                "another process trains here", file=folder, remedy="wait for it, or stop it"
            )
        yield


def _train(
    stage: Stage, settings: LoopSettings, folder: Path, made_from: str, minutes: float | None
) -> None:
    module = stage.module()
    parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
    optimizer = MuonAdam(parameters, settings.weight_decay)
    average = {name: p.detach().clone().float() for name, p in parameters.items()}
    progress = _load(folder, made_from, parameters, average, optimizer)
    stop = _StopFlag()
    started = saved = time.monotonic()
    while progress.step < settings.steps:
        began = time.monotonic()
        _one_step(stage, settings, optimizer, parameters, average, progress.step + 1, folder)
        progress.step += 1
        now = time.monotonic()
        progress.trained_s += now - began
        if progress.step % settings.evaluate_every == 0 or progress.step == settings.steps:
            _evaluate(stage, parameters, average, progress, folder)
        due = minutes is not None and now - started > minutes * 60
        if now - saved > settings.checkpoint_minutes * 60 or stop.asked or due:
            _save(folder, parameters, average, optimizer, progress)
            saved = time.monotonic()
        if stop.asked or due:
            raise InterruptedRunError(
                f"stopped at step {progress.step} of {settings.steps}",
                file=folder,
                remedy="run the same command again to go on",
            )
    _save(folder, parameters, average, optimizer, progress)
    _swap(parameters, average)


def rate_factor(step: int, settings: LoopSettings) -> float:
    """Share of the full learning rate at `step`: warm-up, plateau, then a cosine to almost zero."""
    if step < settings.warmup:
        return step / settings.warmup
    decay_from = settings.steps * (1 - settings.decay_share)
    if step < decay_from:
        return 1.0
    done = (step - decay_from) / max(settings.steps - decay_from, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _one_step(
    stage: Stage,
    settings: LoopSettings,
    optimizer: MuonAdam,
    parameters: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    step: int,
    folder: Path,
) -> None:
    loss, figures = stage.loss(step)
    if not math.isfinite(loss.item()):
        raise TrainingError(f"the loss at step {step} is not finite", file=folder)
    loss.backward()  # type: ignore[no-untyped-call]
    factor = rate_factor(step, settings)
    norm = optimizer.step(
        step, settings.matrix_rate * factor, settings.other_rate * factor, settings.clip
    )
    keep = min(settings.average, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, parameter in parameters.items():
            average[name].lerp_(parameter.float(), 1 - keep)
    if step % settings.log_every == 0:
        _log(folder, {"step": step, "loss": loss.item(), "norm": norm, **figures})


def _evaluate(
    stage: Stage,
    parameters: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    progress: Progress,
    folder: Path,
) -> None:
    """Evaluate with the averaged weights, then put the trained ones back."""
    _swap(parameters, average)
    try:
        figures = stage.evaluate()
    finally:
        _swap(parameters, average)
    _log(folder, {"step": progress.step, "trained_s": round(progress.trained_s), **figures})


@torch.no_grad()
def _swap(parameters: dict[str, nn.Parameter], average: dict[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        kept = parameter.detach().clone()
        parameter.copy_(average[name])
        average[name].copy_(kept)


def _log(folder: Path, row: dict[str, float | int]) -> None:
    text = json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
    append_line(folder / "log.jsonl", text)
    log.info("%s", text)


def _checkpoint(folder: Path) -> Path:
    return folder / "state.safetensors"


def _save(
    folder: Path,
    parameters: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimizer: MuonAdam,
    progress: Progress,
) -> None:
    tensors = {f"model.{n}": p.detach().contiguous() for n, p in parameters.items()}
    tensors |= {f"average.{n}": t.contiguous() for n, t in average.items()}
    tensors |= {f"optimizer.{n}": t.contiguous() for n, t in optimizer.state().items()}
    mark = {
        "step": progress.step,
        "trained_s": round(progress.trained_s, 1),
        "of": progress.made_from,
    }
    with replacing(_checkpoint(folder)) as temporary:
        save_file(tensors, temporary, metadata={"progress": json.dumps(mark)})


def _load(
    folder: Path,
    made_from: str,
    parameters: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimizer: MuonAdam,
) -> Progress:
    file = _checkpoint(folder)
    if not file.is_file():
        return Progress(made_from)
    with safe_open(file, framework="pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        mark = json.loads(stream.metadata()["progress"])
    if mark["of"] != made_from:
        raise TrainingError(
            "the checkpoint was made with other settings, footage or first stages",
            file=file,
            found=mark["of"][:12],
            expected=made_from[:12],
            remedy="restore what it was made with, or remove the checkpoint to begin again",
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"model.{name}"])
            average[name].copy_(tensors[f"average.{name}"])
    prefix = "optimizer."
    optimizer.load({n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)})
    log.info("going on from step %d of %s", mark["step"], file)
    return Progress(made_from, step=mark["step"], trained_s=mark["trained_s"])


def has_checkpoint(folder: Path) -> bool:
    """Whether a stage has begun in `folder`."""
    return _checkpoint(folder).is_file()


def averaged_weights(folder: Path) -> dict[str, Tensor]:
    """The averaged weights of a stage's last checkpoint, by parameter name."""
    file = _checkpoint(folder)
    if not file.is_file():
        raise TrainingError("the stage has no checkpoint yet", file=file)
    with safe_open(file, framework="pt") as stream:
        names = [name for name in stream.keys() if name.startswith("average.")]  # noqa: SIM118
        return {name.removeprefix("average."): stream.get_tensor(name) for name in names}


def progress_of(folder: Path) -> Progress:
    """How far a stage's last checkpoint is."""
    file = _checkpoint(folder)
    if not file.is_file():
        raise TrainingError("the stage has no checkpoint yet", file=file)
    with safe_open(file, framework="pt") as stream:
        mark = json.loads(stream.metadata()["progress"])
    return Progress(mark["of"], step=mark["step"], trained_s=mark["trained_s"])


class _StopFlag:
    """Turns SIGTERM and SIGINT into a request that the loop honours after the current step."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
