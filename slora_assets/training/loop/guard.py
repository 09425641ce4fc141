"""No update from a loss or gradient that is NaN or infinite, nor any waiting to know it.

The verdict on a step stays on the device, where the optimizer reads it: from the first bad step on
it changes nothing more. The host asks only when it must wait anyway (a log line, a checkpoint).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slora_assets.config.errors import TrainingError

if TYPE_CHECKING:
    import torch


class FiniteGuard:
    """Judges each step before its update."""

    def __init__(
        self, device: torch.device, optimizer: torch.optim.Optimizer, asks_at_once: bool
    ) -> None:
        """`asks_at_once`: wait for each verdict, which costs nothing on the CPU."""
        import torch

        self._optimizer: Any = optimizer  # torch declares no `found_inf`
        self._in_place = bool(optimizer.defaults.get("fused"))
        """Whether the optimizer reads the verdict on the device (torch's fused ones do)."""
        self._asks_at_once = asks_at_once or not self._in_place
        self._bad = torch.zeros((), dtype=torch.bool, device=device)
        self._bad_step = torch.zeros((), dtype=torch.int64, device=device)
        self._loss = torch.zeros((), device=device)
        self._norm = torch.zeros((), device=device)
        self._since: list[tuple[int, Sequence[str]]] = []

    def judge(
        self, step: int, loss: torch.Tensor, norm: torch.Tensor | None, clip_ids: Sequence[str]
    ) -> None:
        """Call between the backward pass and the update of `step` (from 1).

        `norm` is None where a gradient scaler judges gradients itself: with fp16 it skips a step
        that overflows and lowers its scale, which is no error. Raises TrainingError
        where the guard asks at once.
        """
        import torch

        norm = torch.zeros_like(loss) if norm is None else norm
        bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
        first = bad & ~self._bad
        self._bad_step = torch.where(first, step, self._bad_step)
        self._loss = torch.where(first, loss, self._loss)
        self._norm = torch.where(first, norm, self._norm)
        self._bad = self._bad | bad
        self._since.append((step, clip_ids))
        if self._asks_at_once:
            self.check()
        elif self._in_place:
            self._optimizer.found_inf = self._bad.float()

    def check(self) -> None:
        """Wait for the verdicts so far. Raises TrainingError naming the first bad step's clips."""
        if bool(self._bad):
            step = int(self._bad_step)
            clips = next((ids for number, ids in self._since if number == step), ())
            raise TrainingError(
                f"step {step} gave a loss of {float(self._loss)} and a gradient norm of"
                f" {float(self._norm)}, on clips {', '.join(clips)}; the adapter was not updated"
                " with it",
                remedy="lower optimizer.learning_rate, or check the precision; the last checkpoint"
                " stands",
            )
        self._since.clear()
