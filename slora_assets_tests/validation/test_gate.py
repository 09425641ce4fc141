"""The gate: what passes, what fails, what stays open, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slora_assets.config.validation import GateSettings
from slora_assets.documents import GateDecision, PromptPair
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.gate.statistics import bca_bounds

MARGIN = 0.01
SETTINGS = GateSettings(
    margins={"temporal": MARGIN}, higher_is_better={"temporal": True}, bootstrap_samples=2000
)


def pair(prompt: object, delta: float, **changes: Any) -> PromptPair:
    """One prompt on which the adapter's temporal score is `delta` above the base's 0.9."""
    fields = {
        "prompt_id": f"{prompt:03}" if isinstance(prompt, int) else prompt,
        "base": {"temporal": 0.9},
        "adapter": {"temporal": 0.9 + delta},
        "base_frozen": False,
        "adapter_frozen": False,
        "difference": 0.1,
    }
    return PromptPair.model_validate(fields | changes)


def pairs(deltas: Iterable[float], **changes: Any) -> list[PromptPair]:
    return [pair(i, delta, **changes) for i, delta in enumerate(deltas)]


def decide(given_pairs: Sequence[PromptPair], settings: GateSettings = SETTINGS) -> GateDecision:
    return judge(given_pairs, settings, trusted=True, untrusted_reason=None)


def noise(n: int, sd: float, mean: float = 0.0, seed: int = 0) -> list[float]:
    """Normal differences with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return [float(v) for v in mean + sd * values]


def test_an_equal_adapter_passes_and_the_verdict_says_by_how_much() -> None:
    verdict = decide(pairs([0.0] * 32))
    found = verdict.metrics["temporal"]
    assert verdict.answer == "pass"
    assert (found.mean_delta, found.lower, found.upper, found.n) == (0.0, 0.0, 0.0, 32)
    assert verdict.reasons == [
        "temporal fell by less than its margin of 0.01 with 95% confidence: mean change +0, "
        "lower bound +0, 32 prompts."
    ]


def test_a_constant_loss_passes_inside_the_margin_and_fails_outside() -> None:
    assert decide(pairs([-0.009] * 32)).answer == "pass"
    outside = decide(pairs([-0.011] * 32))
    assert outside.answer == "fail"
    assert "worse than its margin" in outside.reasons[0]


def test_the_bounds_match_students_t_for_normal_differences() -> None:
    lower, upper = bca_bounds(np.array(noise(32, sd=1.0)), 0.95, 20_000, 0)
    t_bound = 1.696 / math.sqrt(32)
    assert lower == pytest.approx(-t_bound, rel=0.08)
    assert upper == pytest.approx(t_bound, rel=0.08)


def test_bca_reaches_further_down_a_long_left_tail() -> None:
    values = -np.random.default_rng(0).lognormal(size=32)
    draws = np.random.default_rng(0).integers(0, 32, (5000, 32))
    percentile = float(np.quantile(values[draws].mean(axis=1), 0.05))
    assert bca_bounds(values, 0.95, 5000, 0)[0] < percentile


def test_power_is_what_the_reference_says() -> None:
    """Paired SD of 2 margins: equal adapters pass about 90 % of the time, worse ones never."""
    quick = SETTINGS.model_copy(update={"bootstrap_samples": 500, "veto_margins": 100.0})
    rng = np.random.default_rng(5)

    def passes(shift: float) -> float:
        runs = [rng.normal(shift, 2 * MARGIN, 32) for _ in range(100)]
        return float(np.mean([decide(pairs(run), quick).answer == "pass" for run in runs]))

    assert 0.8 <= passes(0.0) <= 0.98
    assert passes(-2 * MARGIN) <= 0.02


def test_an_unclear_metric_with_enough_prompts_fails_and_asks_for_more() -> None:
    verdict = decide(pairs(noise(32, sd=0.015, mean=-0.008)))
    assert verdict.answer == "fail"
    assert "more prompts may settle it" in verdict.reasons[0]


def test_lower_is_better_metrics_are_turned_around() -> None:
    settings = SETTINGS.model_copy(update={"higher_is_better": {"temporal": False}})
    assert decide(pairs([-0.02] * 32), settings).answer == "pass"
    worse = decide(pairs([0.02] * 32), settings)
    assert worse.answer == "fail"
    assert worse.metrics["temporal"].mean_delta == pytest.approx(-0.02)


def test_every_guarded_metric_has_to_hold() -> None:
    settings = GateSettings(
        margins={"clip": 0.01, "motion": 0.1}, higher_is_better={"clip": True, "motion": True}
    )
    frozenish = pairs(
        [0.0] * 32, base={"clip": 0.3, "motion": 1.0}, adapter={"clip": 0.35, "motion": 0.7}
    )
    verdict = decide(frozenish, settings)
    assert verdict.answer == "fail"
    assert len(verdict.reasons) == 1 and verdict.reasons[0].startswith("motion")


def test_one_terrible_prompt_is_vetoed_by_name() -> None:
    verdict = decide(pairs([0.01] * 39 + [-0.051]))
    assert verdict.answer == "fail"
    assert "039" in verdict.reasons[0] and "5 margins" in verdict.reasons[0]
    assert decide(pairs([0.01] * 39 + [-0.049])).answer == "pass"


def test_a_newly_frozen_clip_fails_and_an_already_frozen_one_does_not() -> None:
    calm = pairs([0.0] * 32)
    unmeasured = {"adapter": {"temporal": None}, "adapter_frozen": True}
    newly = decide([*calm, pair("x", 0, **unmeasured)])
    assert newly.answer == "fail" and "froze" in newly.reasons[0]
    both = decide([*calm, pair("x", 0, **unmeasured, base={"temporal": None}, base_frozen=True)])
    assert both.answer == "pass"
    assert (both.n_prompts, both.metrics["temporal"].n) == (33, 32)


def test_an_adapter_that_changes_nothing_fails() -> None:
    verdict = decide(pairs([0.0] * 32, difference=1 / 255))
    assert verdict.answer == "fail"
    assert "no effect" in verdict.reasons[0]
    assert verdict.mean_difference == pytest.approx(1 / 255)


@pytest.mark.parametrize(
    ("deltas", "changes", "expected"),
    [
        ([0.0] * 31, {}, "inconclusive"),
        ([-0.02] * 31, {}, "inconclusive"),
        ([-0.06] * 31, {}, "fail"),
        ([0.0] * 3, {"difference": 0.0}, "fail"),
        ([0.0] * 3, {"adapter_frozen": True}, "fail"),
        ([], {}, "inconclusive"),
    ],
)
def test_too_few_prompts_can_fail_but_never_pass(
    deltas: list[float], changes: dict[str, Any], expected: str
) -> None:
    verdict = decide(pairs(deltas, **changes))
    assert verdict.answer == expected
    assert any(f"There are {len(deltas)} prompts" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("delta", "changes", "expected"),
    [
        (0.0, {}, "inconclusive"),
        (-0.5, {}, "inconclusive"),
        (0.0, {"difference": 0.0}, "fail"),
        (0.0, {"adapter_frozen": True}, "fail"),
    ],
)
def test_untrusted_scores_neither_pass_nor_fail(
    delta: float, changes: dict[str, Any], expected: str
) -> None:
    verdict = judge(
        pairs([delta] * 32, **changes),
        SETTINGS,
        trusted=False,
        untrusted_reason="the scorer has random weights",
    )
    assert verdict.answer == expected
    assert any("the scorer has random weights" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_skipped_measurement_is_not_a_pass(value: float | None) -> None:
    verdict = decide([*pairs([0.0] * 40), pair("x", 0, adapter={"temporal": value})])
    assert verdict.answer == "inconclusive"
    assert "not the adapter: x" in verdict.reasons[0]


def test_a_guarded_metric_nobody_measured_is_not_a_pass() -> None:
    verdict = decide(pairs([0.0] * 32, base={}, adapter={}))
    assert verdict.answer == "inconclusive"
    assert "measured on 0 prompts" in verdict.reasons[0]
    assert verdict.metrics["temporal"].lower is None


def test_seeds_of_a_prompt_are_averaged_first() -> None:
    seeds = [pair(i, delta) for i in range(32) for delta in (-0.04, 0.04)]
    verdict = decide(seeds)
    assert verdict.answer == "pass"
    assert verdict.n_prompts == 32
    assert decide(seeds[:40]).n_prompts == 20


@given(st.lists(st.floats(-0.06, 0.06), max_size=40), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=25, deadline=None)
def test_the_order_of_pairs_changes_nothing(deltas: list[float], random: Any) -> None:
    ordered = pairs(deltas)
    mixed = random.sample(ordered, len(ordered))
    assert decide(mixed) == decide(ordered)


@given(st.integers(32, 64), st.floats(0, 2), st.integers(0, 1000))
@hypothesis_settings(max_examples=30, deadline=None)
def test_two_margins_worse_never_passes(n: int, spread: float, seed: int) -> None:
    deltas = noise(n, sd=spread * MARGIN, mean=-2 * MARGIN, seed=seed)
    assert decide(pairs(deltas)).answer == "fail"


@given(st.integers(32, 64), st.floats(0, 1), st.integers(0, 1000))
@hypothesis_settings(max_examples=30, deadline=None)
def test_an_equal_adapter_with_little_noise_passes(n: int, spread: float, seed: int) -> None:
    assert decide(pairs(noise(n, sd=spread * MARGIN, seed=seed))).answer == "pass"


@given(st.lists(st.floats(-0.04, 0.04), min_size=32, max_size=48), st.floats(0, 0.05))
@hypothesis_settings(max_examples=25, deadline=None)
def test_a_better_adapter_never_turns_a_pass_into_a_fail(deltas: list[float], up: float) -> None:
    if decide(pairs(deltas)).answer == "pass":
        assert decide(pairs(d + up for d in deltas)).answer == "pass"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.floats(0.6, 0.999))
@hypothesis_settings(max_examples=50, deadline=None)
def test_bounds_are_ordered_and_within_the_values(values: list[float], confidence: float) -> None:
    lower, upper = bca_bounds(np.array(values), confidence, 500, 0)
    assert min(values) - 1e-9 <= lower <= upper <= max(values) + 1e-9


def test_the_verdict_is_json_and_keeps_what_is_needed_to_repeat_it() -> None:
    for case in (pairs([]), pairs([0.0]), pairs(noise(32, 0.01))):
        verdict = decide(case)
        text = json.dumps(verdict.model_dump(mode="json"), allow_nan=False)
        assert GateDecision.model_validate_json(text) == verdict
        assert (verdict.bootstrap_seed, verdict.bootstrap_samples) == (0, 2000)
        assert all(reason.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize(
    "wrong",
    [
        {"margins": {"clip": 0.1}},
        {"margins": {"temporal": 0.0}},
        {"margins": {"temporal": math.nan}},
        {"margins": {}, "higher_is_better": {}},
        {"min_promts": 3},
        {"confidence": 1.0},
    ],
)
def test_settings_that_guard_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateSettings.model_validate(SETTINGS.model_dump() | wrong)


@pytest.mark.parametrize("difference", [-0.1, 1.1, math.nan])
def test_a_difference_is_a_share_of_full_intensity(difference: float) -> None:
    with pytest.raises(ValidationError):
        pair(1, 0.0, difference=difference)
