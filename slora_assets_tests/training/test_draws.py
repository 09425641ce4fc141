"""Draws depend on (seed, step, slot, clip) alone; rates warm up, then hold or fall."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from slora_assets.config.training import OptimizerSettings
from slora_assets.training.loop.draws import SampleDraw, draw_sample
from slora_assets.training.loop.optimizer import learning_rate


def drawn(step: int, high_noise: float = 0.0) -> SampleDraw:
    return draw_sample(0, step, 1, "clip", (2, 1, 2, 2), 4, 0.05, high_noise)


def test_high_noise_moves_positions_up_and_touches_nothing_else() -> None:
    plain, high = drawn(3), drawn(3, high_noise=1.0)
    assert high.position == pytest.approx(plain.position**0.5)
    assert torch.equal(plain.noise, high.noise)
    assert torch.equal(plain.posterior_noise, high.posterior_noise)
    assert plain.prompt == high.prompt


@pytest.mark.parametrize(("high_noise", "below_a_half"), [(0.0, 0.5), (1.0, 0.25), (2.0, 0.125)])
def test_positions_have_a_density_of_their_power(high_noise: float, below_a_half: float) -> None:
    positions = [drawn(step, high_noise).position for step in range(1500)]
    assert all(0 <= position < 1 for position in positions)
    assert np.mean(np.array(positions) < 0.5) == pytest.approx(below_a_half, abs=0.04)


def test_a_constant_rate_warms_up_and_holds() -> None:
    rates = [
        learning_rate(
            OptimizerSettings(learning_rate=2.0, warmup_steps=4, lr_scheduler="constant"), step, 20
        )
        for step in range(20)
    ]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert set(rates[4:]) == {2.0}


def test_a_cosine_rate_warms_up_and_falls_to_almost_nothing() -> None:
    settings = OptimizerSettings(learning_rate=2.0, warmup_steps=4, lr_scheduler="cosine")
    rates = [learning_rate(settings, step, 24) for step in range(24)]
    assert rates[3] == rates[4] == 2.0
    assert rates[14] == pytest.approx(1.0)
    assert all(later < earlier for earlier, later in pairwise(rates[4:]))
    assert 0 < rates[-1] < 0.02
    without = settings.model_copy(update={"warmup_steps": 0})
    assert learning_rate(without, 0, 24) == 2.0
