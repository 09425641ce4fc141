"""What a set of prompts can tell is what the gate does with adapters like that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slora_assets.config.validation import GateSettings
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.gate.design import Design, simulate
from slora_assets_tests.validation.gate_cases import MARGIN, SETTINGS, noise, pairs

ALONE = {"prompt": [str(number) for number in range(32)]}


def drawn(**changes: Any) -> Design:
    arguments: dict[str, Any] = {
        "variance": 1.0,
        "shares": {},
        "labels": ALONE,
        "margin": 0.5,
        "equal": 0.0,
        "confidence": 0.95,
    } | changes
    return simulate(**arguments)


def test_independent_clips_keep_the_promise_of_the_confidence() -> None:
    assert drawn().false_pass == pytest.approx(0.05, abs=0.015)
    assert drawn(confidence=0.8).false_pass == pytest.approx(0.2, abs=0.03)


def test_power_grows_with_the_margin_and_shrinks_with_the_spread() -> None:
    assert drawn(margin=0.0).power == pytest.approx(0.05, abs=0.015)
    assert drawn(margin=0.25).power < drawn(margin=0.5).power < drawn(margin=1.0).power
    assert drawn(variance=4.0).power < drawn().power
    assert drawn(margin=0.0, equal=0.5).power == drawn(margin=0.5).power


def test_clips_that_share_a_subject_tell_less() -> None:
    labels = ALONE | {"subject": [str(number % 8) for number in range(32)]}
    together = drawn(labels=labels, shares={"subject": 0.6})
    assert together.power < drawn().power - 0.1
    assert together.false_pass < 0.1, "and the bound knows it"


def test_a_decision_carries_it_when_asked_to() -> None:
    made = pairs(noise(32, 2 * MARGIN))
    settings: GateSettings = SETTINGS.model_copy(update={"bootstrap_samples": 200})

    def metric(design: bool) -> tuple[float | None, float | None]:
        found = judge(made, [], settings, trusted=True, untrusted_reason=None, design=design)
        return found.metrics["temporal"].false_pass, found.metrics["temporal"].power

    assert metric(design=False) == (None, None)
    false_pass, power = metric(design=True)
    assert false_pass is not None and power is not None
    assert false_pass <= 0.065
    values = np.random.default_rng(0).normal(0, 2 * MARGIN, (200, 32))
    passed = [
        judge(pairs(row), [], settings, trusted=True, untrusted_reason=None)
        .metrics["temporal"]
        .lower
        or -1.0
        for row in values
    ]
    assert np.mean(np.array(passed) > -MARGIN) == pytest.approx(power, abs=0.1)
