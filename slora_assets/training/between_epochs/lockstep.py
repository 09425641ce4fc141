"""How the first process takes the others along when it measures.

It alone measures and writes. Where the base is sharded its passes need every process, so it
announces each measurement and the others make the same passes and throw the result away.
"""

from __future__ import annotations

from enum import IntEnum

from slora_assets.training.accelerator import TrainingAccelerator


class Pass(IntEnum):
    """A measurement that runs the base."""

    DONE = 0
    """None any more: the others go on with the training."""
    HELD_OUT = 1
    SAMPLES = 2
    EXPORT = 3


class Lockstep:
    """One in each process; without a sharded base its calls say nothing and wait for nobody."""

    def __init__(self, accelerator: TrainingAccelerator, sharded: bool) -> None:
        self._accelerator, self._sharded = accelerator, sharded
        self._first = accelerator.is_main_process

    def announce(self, what: Pass) -> None:
        """Tell the others what the first process does now; from another process, nothing."""
        if self._sharded and self._first:
            self._sum(what)

    def heard(self) -> Pass:
        """Wait for what the first process announces."""
        return Pass(self._sum(0)) if self._sharded else Pass.DONE

    def any_of(self, asked: bool) -> bool:
        """Whether any process says so, in a measurement that all make."""
        return self._sum(asked) > 0 if self._sharded else asked

    def stopped(self, first_was: bool) -> bool:
        """At the end of a measurement, in every process: whether the first one was asked to stop
        in it. It waits for all. A sharded base's passes have told everybody already."""
        return self._sum(first_was) > 0

    def _sum(self, number: int) -> int:
        import torch

        told = torch.tensor(float(number), device=self._accelerator.device)
        return round(float(self._accelerator.reduce(told, reduction="sum")))
