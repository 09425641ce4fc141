"""What a run asks of accelerate: this process's device and precision, and the processes beside it.

accelerate says nothing of types; `run` makes its `Accelerator`, all others take this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol

from slora_assets.base_models.parts import Denoiser, Predictor

if TYPE_CHECKING:
    import torch
    from torch.amp import GradScaler
    from torch.optim import Optimizer


class TrainingAccelerator(Protocol):
    """One in each process of a run."""

    @property
    def device(self) -> torch.device: ...

    @property
    def num_processes(self) -> int: ...

    @property
    def process_index(self) -> int: ...

    @property
    def is_main_process(self) -> bool: ...

    @property
    def scaler(self) -> GradScaler | None:
        """Of gradients, where the precision is fp16."""

    def prepare(
        self, transformer: Denoiser, optimizer: Optimizer, /
    ) -> tuple[Predictor, Optimizer]:
        """Both as the processes share them; the denoiser wrapped where there are several."""

    def prepare_model(
        self, model: Denoiser, *, device_placement: bool, evaluation_mode: bool
    ) -> Denoiser: ...

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer: ...

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in the run's precision inside it."""

    def no_sync(self, model: Predictor) -> AbstractContextManager[None]:
        """Let each process keep its gradients to itself inside it."""

    def backward(self, loss: torch.Tensor) -> None: ...

    def clip_grad_norm_(
        self, parameters: Sequence[torch.nn.Parameter], max_norm: float
    ) -> torch.Tensor:
        """The norm before clipping, a scalar."""

    def reduce(self, tensor: torch.Tensor, reduction: Literal["sum", "mean"]) -> torch.Tensor:
        """Over the processes; each gets the result."""

    def wait_for_everyone(self) -> None: ...

    def init_trackers(
        self,
        project_name: str,
        *,
        config: Mapping[str, object],
        init_kwargs: Mapping[str, Mapping[str, object]],
    ) -> None: ...

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send numbers to the trackers."""

    def end_training(self) -> None:
        """Close the trackers and leave the other processes."""
