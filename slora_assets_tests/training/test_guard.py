"""A loss that is NaN or infinite never reaches the adapter, also where nobody waits for it."""

from __future__ import annotations

import pytest
import torch

from slora_assets.config.errors import TrainingError
from slora_assets.config.training import OptimizerSettings
from slora_assets.training.loop.guard import FiniteGuard
from slora_assets.training.loop.optimizer import new_optimizer


def _steps(losses: list[float], asks_at_once: bool) -> tuple[torch.Tensor, FiniteGuard]:
    """The parameter after steps with these losses, the gradient as bad as the loss."""
    parameter = torch.nn.Parameter(torch.ones(4))
    optimizer = new_optimizer([parameter], OptimizerSettings())
    guard = FiniteGuard(torch.device("cpu"), optimizer, asks_at_once)
    for step, loss in enumerate(losses, start=1):
        parameter.grad = torch.full((4,), loss)
        norm = parameter.grad.norm()
        guard.judge(step, torch.tensor(loss), norm, [f"clip{step}", f"other{step}"])
        optimizer.step()
    return parameter.detach(), guard


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_without_waiting_the_adapter_stays_as_the_last_good_step_left_it(bad: float) -> None:
    good, _ = _steps([1.0, 2.0], asks_at_once=False)
    after, guard = _steps([1.0, 2.0, bad, 1.0, 5.0], asks_at_once=False)
    assert torch.equal(after, good)
    with pytest.raises(TrainingError, match=r"step 3 .* on clips clip3, other3"):
        guard.check()


def test_where_asking_costs_nothing_the_step_itself_fails() -> None:
    with pytest.raises(TrainingError, match=r"step 2 gave a loss of nan"):
        _steps([1.0, float("nan")], asks_at_once=True)


def test_good_steps_pass() -> None:
    after, guard = _steps([1.0, 2.0, 3.0], asks_at_once=False)
    guard.check()
    assert torch.isfinite(after).all()
    assert not torch.equal(after, torch.ones(4))
