"""The gate: what passes, what fails, what stays open, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from slora_assets.config.validation import Guard
from slora_assets.documents import PromptPair
from slora_assets.validation.gate.decision import judge
from slora_assets_tests.validation.gate_cases import (
    MARGIN,
    MOST_LIKE,
    SETTINGS,
    decide,
    guarding,
    noise,
    pair,
    pairs,
)

# Prompts that draw the same clip


def _asked_twice(prompts: int) -> list[PromptPair]:
    """Each two prompts draw one clip."""
    return [pair(i, 0.0, counts_as=f"{i - i % 2:03}") for i in range(prompts)]


def test_prompts_that_draw_the_same_clip_count_once_and_are_named() -> None:
    verdict = decide(_asked_twice(32))
    assert verdict.answer == "inconclusive"
    few, repeated = verdict.reasons
    assert few == "There are 16 distinct clips of each side, and a pass needs 32."
    assert repeated.startswith("16 more were drawn that base or adapter drew nearly the same")
    assert verdict.n_clips == verdict.metrics["temporal"].n == 16
    assert verdict.duplicates == {f"{i:03}_1": [f"{i + 1:03}_1"] for i in range(0, 32, 2)}
    assert decide(_asked_twice(64)).answer == "pass"


def test_an_adapter_that_draws_one_clip_with_all_seeds_does_not_pass() -> None:
    """However well that one clip does."""
    collapsed = [
        pair(prompt, 0.0, seed=seed, counts_as_seed=1)
        for prompt in range(8)
        for seed in range(1, 5)
    ]
    verdict = decide(collapsed)
    assert (verdict.answer, verdict.n_clips) == ("inconclusive", 8)
    assert verdict.duplicates["003_1"] == ["003_2", "003_3", "003_4"]


def test_copies_of_a_prompt_make_nothing_more_certain() -> None:
    deltas = noise(32, sd=2 * MARGIN)
    copies = [
        pair(f"{i:03} {copy}", deltas[i], counts_as=f"{i:03} 0")
        for i in range(32)
        for copy in range(4)
    ]
    once = [pair(f"{i:03} 0", delta) for i, delta in enumerate(deltas)]
    one, four = decide(once).metrics["temporal"], decide(copies).metrics["temporal"]
    assert four == one.model_copy(
        update={
            "mean_delta": four.mean_delta,
            "adapter": four.adapter,
            "lower": four.lower,
            "upper": four.upper,
        }
    )
    assert (four.lower, four.upper) == pytest.approx((one.lower, one.upper))


def test_too_few_prompts_are_told_with_what_to_do() -> None:
    verdict = judge(
        pairs([0.0] * 3), [], SETTINGS, trusted=True, untrusted_reason=None, advice="Write more."
    )
    assert verdict.reasons[-1] == "Write more."


# The decision, number by number


def test_an_equal_adapter_passes_and_the_verdict_says_by_how_much() -> None:
    verdict = decide(pairs([0.0] * 32))
    found = verdict.metrics["temporal"]
    assert verdict.answer == "pass"
    assert (found.mean_delta, found.lower, found.upper, found.n) == (0.0, 0.0, 0.0, 32)
    assert not found.improved and verdict.metrics["likeness"].improved
    assert verdict.reasons == [
        "temporal reaches the base's within its margin of 0.01 with 95% confidence: mean "
        "difference +0, lower bound +0, 32 clips.",
        "likeness reaches the base's within its margin of 0.02 with 95% confidence and is better "
        "than the base's: mean difference +0.05, lower bound +0.05, 32 clips.",
    ]


def test_a_constant_loss_passes_inside_the_margin_and_fails_outside() -> None:
    assert decide(pairs([-0.009] * 32)).answer == "pass"
    outside = decide(pairs([-0.011] * 32))
    assert outside.answer == "fail"
    assert "temporal is worse than the base's within its margin of 0.01" in outside.reasons[0]
    assert "short of it by at least 0.001" in outside.reasons[0]


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
    assert "more clips may settle it" in verdict.reasons[0]


def test_lower_is_better_metrics_are_turned_around() -> None:
    settings = guarding(margin=MARGIN, higher_is_better=False)
    assert decide(pairs([-0.02] * 32), settings).answer == "pass"
    worse = decide(pairs([0.02] * 32), settings)
    assert worse.answer == "fail"
    assert worse.metrics["temporal"].mean_delta == pytest.approx(-0.02)


def test_every_guarded_metric_has_to_hold() -> None:
    settings = guarding("motion", margin=0.1)
    frozenish = pairs(
        [0.0] * 32,
        base={"temporal": 0.9, "likeness": 0.2, "motion": 1.0},
        adapter={"temporal": 0.9, "likeness": 0.25, "motion": 0.7},
    )
    verdict = decide(frozenish, settings)
    assert verdict.answer == "fail"
    assert len(verdict.reasons) == 1 and verdict.reasons[0].startswith("motion")


def test_an_adapter_that_is_better_at_nothing_fails_however_harmless_it_is() -> None:
    alike = {"temporal": 0.95, "likeness": 0.2}
    verdict = decide(pairs([0.0] * 32, adapter=alike))
    assert verdict.answer == "fail"
    assert verdict.reasons == ["The adapter is not shown to be better than its base in likeness."]


def test_the_more_metrics_may_show_an_improvement_the_more_it_takes() -> None:
    """Bonferroni: a gain that is enough for one is not enough as one of ten."""
    gains = noise(32, sd=0.03, mean=0.0098)
    one = [
        pair(i, 0, base={"likeness": 0.2}, adapter={"likeness": 0.2 + gain})
        for i, gain in enumerate(gains)
    ]
    likeness = Guard(margin=0.05, improves=True)
    unmoved = {f"other {i}": likeness for i in range(9)}
    few, many = (
        decide(one, SETTINGS.model_copy(update={"guards": {"likeness": likeness} | more}))
        for more in ({}, unmoved)
    )
    assert few.metrics["likeness"].improved and not many.metrics["likeness"].improved


def test_one_terrible_prompt_is_vetoed_by_name() -> None:
    verdict = decide(pairs([0.01] * 39 + [-0.051]))
    assert verdict.answer == "fail"
    assert "039" in verdict.reasons[0] and "5 margins" in verdict.reasons[0]
    assert decide(pairs([0.01] * 39 + [-0.049])).answer == "pass"


def test_a_newly_frozen_clip_fails_and_an_already_frozen_one_does_not() -> None:
    calm = pairs([0.0] * 32)
    unmeasured = {"adapter": {"temporal": None} | MOST_LIKE, "adapter_frozen": True}
    newly = decide([*calm, pair("x", 0, **unmeasured)])
    assert newly.answer == "fail" and "froze" in newly.reasons[0]
    both = decide([*calm, pair("x", 0, **unmeasured, base={"temporal": None}, base_frozen=True)])
    assert both.answer == "pass"
    assert (both.n_clips, both.metrics["temporal"].n) == (33, 32)


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
    assert any(f"There are {len(deltas)} distinct clips" in reason for reason in verdict.reasons)


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
        [],
        SETTINGS,
        trusted=False,
        untrusted_reason="the scorer has random weights",
    )
    assert verdict.answer == expected
    assert any("the scorer has random weights" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_skipped_measurement_is_not_a_pass(value: float | None) -> None:
    verdict = decide([*pairs([0.0] * 40), pair("x", 0, adapter={"temporal": value} | MOST_LIKE)])
    assert verdict.answer == "inconclusive"
    assert "not the adapter: x" in verdict.reasons[0]


def test_a_guarded_metric_nobody_measured_is_not_a_pass() -> None:
    verdict = decide(pairs([0.0] * 32, base={}, adapter={}))
    assert verdict.answer == "inconclusive"
    assert "measured on 0 clips" in verdict.reasons[0]
    assert verdict.metrics["temporal"].lower is None


def _seeds(by_prompt: Sequence[float], scatter: Sequence[float]) -> list[PromptPair]:
    """Clips of which each prompt's share its difference; as many seeds as the rest is long."""
    seeds = len(scatter) // len(by_prompt)
    return [
        pair(i, delta + scatter[i * seeds + seed], seed=seed)
        for i, delta in enumerate(by_prompt)
        for seed in range(seeds)
    ]


def test_each_seed_of_a_prompt_is_a_clip_and_eight_with_four_are_enough() -> None:
    verdict = decide(_seeds([0.0] * 8, noise(32, sd=MARGIN)))
    assert verdict.answer == "pass"
    assert verdict.n_clips == verdict.metrics["temporal"].n == 32
    assert verdict.duplicates == {}
    few = decide(_seeds([0.0] * 5, noise(20, sd=MARGIN)))
    assert few.reasons == ["There are 20 distinct clips of each side, and a pass needs 32."]


def test_seeds_of_a_prompt_are_clips_of_their_own_that_share_something() -> None:
    """Eight prompts with four seeds are 32 clips; where seeds of a prompt agree, they say less."""
    deltas = noise(8, sd=2 * MARGIN)
    agreeing = [pair(i, deltas[i], seed=seed) for i in range(8) for seed in range(4)]
    apart = [
        pair(i, delta, seed=seed)
        for seed in range(4)
        for i, delta in enumerate(noise(8, sd=2 * MARGIN, seed=seed))
    ]
    one, other = decide(agreeing), decide(apart)
    assert one.n_clips == other.n_clips == 32
    found, independent = one.metrics["temporal"], other.metrics["temporal"]
    assert found.shares["prompt"] > 0.9 > 0.3 > independent.shares["prompt"]
    assert found.lower is not None and independent.lower is not None
    assert found.lower < independent.lower - 0.5 * MARGIN


def test_clips_of_one_seed_share_something_too() -> None:
    """Seeds that are good or bad for all prompts say as little as prompts for all seeds."""
    by_seed = noise(4, sd=2 * MARGIN)
    agreeing = [pair(i, by_seed[seed], seed=seed) for i in range(8) for seed in range(4)]
    apart = _seeds([0.0] * 8, noise(32, sd=2 * MARGIN))
    found, independent = (decide(one).metrics["temporal"] for one in (agreeing, apart))
    assert found.shares["seed"] > 0.9 > 0.3 > independent.shares["seed"]
    assert found.lower is not None and independent.lower is not None
    assert found.lower < independent.lower - MARGIN
