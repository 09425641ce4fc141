"""A clearly worse adapter is given up early, one that may still pass never."""

from __future__ import annotations

import numpy as np
import pytest

from slora_assets.documents import PromptPair
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.gate.futility import LEAST_CLIPS, hopeless
from slora_assets_tests.validation.gate_cases import (
    MARGIN,
    SETTINGS,
    SHIPPED,
    noise,
    pair,
    pairs,
    shown,
)

LOOKS = (8, 16, 24)
"""Clips after which a validation with eight prompts looks."""


def _stopped_after(worse: float, seed: int) -> int:
    """Clips that an adapter takes whose mean is `worse` margins worse, two margins' spread."""
    values = np.random.default_rng(seed).normal(-worse * MARGIN, 2 * MARGIN, 32)
    made = pairs(values)
    for look in LOOKS:
        if hopeless(made[:look], [], SETTINGS):
            return look
    return 32


def test_three_margins_worse_takes_fourteen_clips_on_average_at_most() -> None:
    assert np.mean([_stopped_after(5, seed) for seed in range(40)]) <= 14


@pytest.mark.parametrize("worse", [0.0, 1.0])
def test_an_adapter_that_may_pass_or_just_fails_is_asked_to_the_end(worse: float) -> None:
    assert [_stopped_after(worse, seed) for seed in range(40)].count(32) >= 39


def test_a_few_clips_are_no_ground_to_give_up() -> None:
    bad = pairs([-1.0 + value for value in noise(LEAST_CLIPS, 0.01)])
    assert hopeless(bad[: LEAST_CLIPS - 1], [], SETTINGS) == []
    (reason,) = hopeless(bad, [], SETTINGS)
    assert reason.startswith("temporal is short of its limit by at least 0.9")


def test_the_same_clip_many_times_is_one() -> None:
    twice = [pair(f"p{i}", -1.0, counts_as="p0") for i in range(12)]
    assert hopeless(twice, [], SETTINGS) == []


def test_what_is_held_against_footage_is_given_up_by_it() -> None:
    def drawn(speed: float) -> list[PromptPair]:
        return [
            pair(i, 0, base={"motion_speed": 0.4}, adapter={"motion_speed": speed + value})
            for i, value in enumerate(noise(8, 0.02))
        ]

    footage = shown(noise(8, 0.02, 0.4), "motion_speed")
    assert hopeless(drawn(0.4), footage, SHIPPED) == []
    assert "motion_speed" in hopeless(drawn(0.1), footage, SHIPPED)[0]
    assert hopeless(drawn(0.1), [], SHIPPED) == [], "without a yardstick nothing is known"


def test_who_is_given_up_fails_for_that_and_not_for_too_few_clips() -> None:
    bad = pairs(noise(8, 0.01, -1.0))
    reasons = hopeless(bad, [], SETTINGS)
    found = judge(bad, [], SETTINGS, trusted=True, untrusted_reason=None, given_up=reasons)
    assert (found.answer, found.given_up, found.n_clips) == ("fail", True, 8)
    assert found.reasons[0] == reasons[0]
    assert not any("distinct clips" in reason for reason in found.reasons)
