"""What holds of every decision of the gate, and of its settings."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import GateDecision
from slora_assets_tests.validation.gate_cases import (
    MARGIN,
    SETTINGS,
    decide,
    guarding,
    noise,
    pair,
    pairs,
    shown,
)

MEASURED = st.tuples(
    st.floats(-0.06, 0.06), st.integers(0, 3), st.integers(0, 5), st.booleans(), st.integers(1, 3)
)
"""Difference, motion, subject, frozen, seeds of a prompt."""


@given(
    st.lists(MEASURED, max_size=40),
    st.lists(st.floats(0.8, 1.0), max_size=10),
    st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=25)
def test_the_order_of_pairs_changes_nothing(
    measured: list[tuple[float, int, int, bool, int]], levels: list[float], random: Any
) -> None:
    settings = guarding(yardstick="footage", margin=MARGIN)
    ordered = [
        pair(
            i,
            delta + seed / 1000,
            seed=seed,
            labels={"motion": str(motion), "subject": str(subject)},
            counts_as=f"{i - i % 3:03}",
            adapter_frozen=froze,
        )
        for i, (delta, motion, subject, froze, seeds) in enumerate(measured)
        for seed in range(seeds)
    ]
    mixed = random.sample(ordered, len(ordered))
    assert decide(mixed, settings, shown(levels)) == decide(ordered, settings, shown(levels))


@given(st.integers(32, 64), st.floats(0, 2), st.integers(0, 1000))
@hypothesis_settings(max_examples=30)
def test_two_margins_worse_never_passes(n: int, spread: float, seed: int) -> None:
    deltas = noise(n, sd=spread * MARGIN, mean=-2 * MARGIN, seed=seed)
    assert decide(pairs(deltas)).answer == "fail"


@given(st.integers(32, 64), st.floats(0, 1), st.integers(0, 1000))
@hypothesis_settings(max_examples=30)
def test_an_equal_adapter_with_little_noise_passes(n: int, spread: float, seed: int) -> None:
    assert decide(pairs(noise(n, sd=spread * MARGIN, seed=seed))).answer == "pass"


@given(st.lists(st.floats(-0.04, 0.04), min_size=32, max_size=48), st.floats(0, 0.05))
@hypothesis_settings(max_examples=25)
def test_a_better_adapter_never_turns_a_pass_into_a_fail(deltas: list[float], up: float) -> None:
    if decide(pairs(deltas)).answer == "pass":
        assert decide(pairs(d + up for d in deltas)).answer == "pass"


def test_the_verdict_is_json_and_keeps_what_is_needed_to_repeat_it() -> None:
    for case in (pairs([]), pairs([0.0]), pairs(noise(32, 0.01))):
        verdict = decide(case)
        text = json.dumps(verdict.model_dump(mode="json"), allow_nan=False)
        assert GateDecision.model_validate_json(text) == verdict
        assert (verdict.bootstrap_seed, verdict.bootstrap_samples) == (0, 2000)
        assert all(reason.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "a guard has either a margin or a least_share"),
        (
            {"margin": 0.1, "least_share": 0.5, "yardstick": "footage"},
            "a guard has either a margin or a least_share",
        ),
        ({"least_share": 0.5}, "a least_share is one of the footage's"),
        ({"least_share": 0.5, "yardstick": "base_or_footage"}, "is one of the footage's"),
        (
            {"least_share": 0.5, "yardstick": "footage", "higher_is_better": False},
            "where higher is better",
        ),
        ({"least_share": 1.5, "yardstick": "footage"}, "less than or equal to 1"),
        ({"margin": 0.0}, "greater than 0"),
        ({"margin": math.nan}, "finite number"),
        ({"margin": math.inf}, "finite number"),
        ({"margin": 0.1, "yardstick": "footage_or_base"}, "'base', 'base_or_footage' or 'footage'"),
        ({"margin": 0.1, "marign": 0.1}, "Extra inputs"),
    ],
)
def test_a_guard_that_says_nothing_or_two_things_is_refused(
    wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Guard.model_validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"guards": {}}, "at least 1 item"),
        (
            {"guards": {"clip": {"margin": 0.1}}},
            "no guard has 'improves': an adapter has to get better at something",
        ),
        ({"min_promts": 3}, "Extra inputs"),
        ({"confidence": 1.0}, "less than 1"),
        ({"same_clip": 2}, "less than or equal to 1"),
        ({"veto_error": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_guard_nothing_are_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        GateSettings.model_validate(SETTINGS.model_dump() | wrong)


@pytest.mark.parametrize("difference", [-0.1, 1.1, math.nan])
def test_a_difference_is_a_share_of_full_intensity(difference: float) -> None:
    with pytest.raises(ValidationError):
        pair(1, 0.0, difference=difference)
