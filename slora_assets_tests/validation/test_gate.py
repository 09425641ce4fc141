"""The gate: what passes, what fails, what stays open, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slora_assets.config.validation import GateSettings, Guard, read_validation_prompts
from slora_assets.documents import FootageClip, GateDecision, PromptPair
from slora_assets.validation.gate.decision import judge
from slora_assets_tests.small_graph import PROJECT

MARGIN = 0.01
SETTINGS = GateSettings(
    guards={"temporal": Guard(margin=MARGIN), "likeness": Guard(margin=0.02, improves=True)},
    bootstrap_samples=2000,
)
SHIPPED = read_validation_prompts(
    PROJECT / "configs/training/validation_prompts.yaml"
).gate.model_copy(update={"bootstrap_samples": 500})
MOST_LIKE = {"likeness": 0.25}


def pair(prompt: object, delta: float, **changes: Any) -> PromptPair:
    """One prompt on which the adapter's temporal score is `delta` above the base's 0.9, and which
    its clip shows better."""
    name = f"{prompt:03}" if isinstance(prompt, int) else prompt
    fields = {
        "prompt_id": name,
        "seed": 1,
        "counts_as": name,
        "base": {"temporal": 0.9, "likeness": 0.2},
        "adapter": {"temporal": 0.9 + delta, **MOST_LIKE},
        "base_frozen": False,
        "adapter_frozen": False,
        "difference": 0.1,
    }
    return PromptPair.model_validate(fields | changes)


def pairs(deltas: Iterable[float], **changes: Any) -> list[PromptPair]:
    return [pair(i, delta, **changes) for i, delta in enumerate(deltas)]


def decide(
    given_pairs: Sequence[PromptPair],
    settings: GateSettings = SETTINGS,
    footage: Sequence[FootageClip] = (),
) -> GateDecision:
    return judge(given_pairs, footage, settings, trusted=True, untrusted_reason=None)


def guarding(metric: str = "temporal", **guard: Any) -> GateSettings:
    """As SETTINGS, with another guard of a metric."""
    guards = SETTINGS.guards | {metric: Guard.model_validate(guard)}
    return SETTINGS.model_copy(update={"guards": guards})


def shown(values: Iterable[float], metric: str = "temporal") -> list[FootageClip]:
    """Footage that scores these values."""
    return [
        FootageClip(
            clip_id=f"clip {i}", split="validation", caption="a clip", scores={metric: value}
        )
        for i, value in enumerate(values)
    ]


def noise(n: int, sd: float, mean: float = 0.0, seed: int = 0) -> list[float]:
    """Normal differences with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return [float(v) for v in mean + sd * values]


# Adapters that a person would know at a glance, judged by the gate that is shipped

FOOTAGE = {
    "clip_similarity": (0.30, 0.01),
    "scenario_margin": (0.05, 0.01),
    "steadiness": (0.975, 0.004),
    "motion_jitter": (0.10, 0.02),
    "motion_speed": (0.40, 0.06),
}
"""What the footage's clips score: mean and standard deviation."""

BASE = FOOTAGE | {
    "clip_similarity": (0.25, 0.01),
    "scenario_margin": (0.01, 0.01),
    "motion_speed": (0.20, 0.06),
}
SUBJECTS, MOTIONS = 8, 4


def _drawn(scores: Mapping[str, tuple[float, float]], n: int, seed: int) -> list[dict[str, float]]:
    columns = {
        name: noise(n, sd, mean, seed + 10 * number)
        for number, (name, (mean, sd)) in enumerate(scores.items())
    }
    return [{name: column[i] for name, column in columns.items()} for i in range(n)]


def judged(
    adapter: Mapping[str, tuple[float, float]],
    footage: Mapping[str, tuple[float, float]] | None = FOOTAGE,
    base: Mapping[str, tuple[float, float]] = BASE,
    **changes: Any,
) -> GateDecision:
    """The shipped gate's decision on clips that score so; of 8 subjects in 4 motions each."""
    n = SUBJECTS * MOTIONS
    sides = zip(_drawn(base, n, seed=1), _drawn(adapter, n, seed=2), strict=True)
    made = [
        pair(
            i,
            0,
            labels={"subject": str(i % SUBJECTS), "motion": str(i // SUBJECTS)},
            base=before,
            adapter=after,
            **changes,
        )
        for i, (before, after) in enumerate(sides)
    ]
    scores = [] if footage is None else _drawn(footage, 12, seed=3)
    clips = [
        FootageClip(clip_id=str(i), split="validation", caption="a clip", scores=one)
        for i, one in enumerate(scores)
    ]
    return decide(made, SHIPPED, clips)


def test_an_adapter_that_draws_as_the_footage_is_passes() -> None:
    verdict = judged(FOOTAGE)
    assert verdict.answer == "pass", verdict.reasons
    assert len(verdict.reasons) == len(SHIPPED.guards)
    assert any("better than the base's" in reason for reason in verdict.reasons)
    assert (verdict.n_clips, verdict.footage_clips, verdict.duplicates) == (32, 12, {})
    found = verdict.metrics["motion_speed"]
    assert (found.base, found.adapter, found.footage) == pytest.approx((0.2, 0.4, 0.4))


@pytest.mark.parametrize(
    ("worse", "said"),
    [
        ({"motion_speed": (0.25, 0.06)}, "motion_speed is worse than 75% of the footage's 0.4"),
        ({"motion_jitter": (0.30, 0.02)}, "motion_jitter is worse than the footage's 0.1"),
        ({"steadiness": (0.94, 0.004)}, "steadiness is worse than the base's within its margin"),
        ({"clip_similarity": (0.2, 0.01)}, "clip_similarity is worse than 85% of the footage's"),
        (
            {name: BASE[name] for name in ("clip_similarity", "scenario_margin")},
            "not shown to be better than its base in clip_similarity, scenario_margin",
        ),
    ],
    ids=["moves too little", "jitters", "flickers", "shows something else", "better at nothing"],
)
def test_an_adapter_that_is_worse_in_one_thing_fails_and_is_told_in_which(
    worse: dict[str, tuple[float, float]], said: str
) -> None:
    verdict = judged(FOOTAGE | worse)
    assert verdict.answer == "fail"
    assert any(said in reason for reason in verdict.reasons), verdict.reasons


def test_moving_little_less_than_the_footage_is_enough() -> None:
    assert judged(FOOTAGE | {"motion_speed": (0.35, 0.06)}).answer == "pass"


def test_a_frozen_adapter_fails_however_well_its_picture_shows_the_prompt() -> None:
    stills = FOOTAGE | {"motion_speed": (0.0, 0.0), "motion_jitter": (0.0, 0.0)}
    verdict = judged(stills, adapter_frozen=True)
    assert verdict.answer == "fail"
    assert any("froze" in reason for reason in verdict.reasons)
    assert any("motion_speed is worse than" in reason for reason in verdict.reasons)


def test_an_adapter_without_effect_fails() -> None:
    verdict = judged(BASE, difference=0.0)
    assert verdict.answer == "fail"
    assert "no effect" in verdict.reasons[0]


def test_without_footage_nothing_can_be_held_against_it() -> None:
    verdict = judged(FOOTAGE, footage=None)
    assert verdict.answer == "inconclusive"
    assert verdict.reasons == [
        f"{name} is held against footage, and none could be measured."
        for name, guard in SHIPPED.guards.items()
        if guard.yardstick == "footage"
    ]
    assert (verdict.metrics["motion_speed"].n, verdict.metrics["motion_speed"].lower) == (0, None)
    assert verdict.metrics["steadiness"].n == 32, "the base is a yardstick as well"


# The yardsticks


def test_footage_that_is_worse_than_the_base_gives_an_allowance() -> None:
    settings = guarding(yardstick="base_or_footage", margin=MARGIN)
    footage = shown([0.87] * 12)
    as_footage = decide(pairs([-0.03] * 32), settings, footage)
    found = as_footage.metrics["temporal"]
    assert as_footage.answer == "pass"
    assert (found.allowance, found.margin) == pytest.approx((0.03, 0.03 + MARGIN))
    assert "the footage, being worse than the base, gives 0.03" in as_footage.reasons[0]
    assert decide(pairs([-0.03] * 32)).answer == "fail", "without footage's excuse"
    assert decide(pairs([-0.042] * 32), settings, footage).answer == "fail"


def test_an_allowance_is_for_metrics_of_which_less_is_better_too() -> None:
    settings = guarding(yardstick="base_or_footage", margin=MARGIN, higher_is_better=False)
    assert decide(pairs([0.03] * 32), settings, shown([0.93] * 12)).answer == "pass"
    assert decide(pairs([0.03] * 32), settings, shown([0.87] * 12)).answer == "fail"


@given(st.floats(0.9, 1.0))
@hypothesis_settings(max_examples=20, deadline=None)
def test_footage_that_is_better_than_the_base_asks_for_no_more(level: float) -> None:
    settings = guarding(yardstick="base_or_footage", margin=MARGIN)
    for delta, answer in ((-0.009, "pass"), (-0.011, "fail")):
        verdict = decide(pairs([delta] * 32), settings, shown([level] * 12))
        found = verdict.metrics["temporal"]
        assert verdict.answer == answer
        assert (found.allowance, found.margin) == pytest.approx((0, MARGIN), abs=1e-12)


def test_a_yardstick_that_was_measured_on_few_scattered_clips_is_less_certain() -> None:
    settings = guarding(yardstick="footage", margin=MARGIN)
    sure, unsure = (
        decide(pairs(noise(32, 0.005)), settings, shown(noise(12, sd, 0.9))).metrics["temporal"]
        for sd in (0.0, 0.03)
    )
    assert sure.mean_delta == pytest.approx(unsure.mean_delta)
    assert sure.lower is not None and unsure.lower is not None
    assert unsure.lower < sure.lower - 0.005


# Single prompts


def _one_bad(footage_sd: float, clips: int = 12) -> GateDecision:
    settings = guarding(yardstick="base_or_footage", margin=MARGIN)
    return decide(pairs([0.01] * 39 + [-0.06]), settings, shown(noise(clips, footage_sd, mean=0.9)))


def test_a_bad_prompt_is_vetoed_only_beyond_the_footage_s_own_spread() -> None:
    narrow = _one_bad(footage_sd=0.001)
    assert narrow.answer == "fail"
    assert "on 039_1" in narrow.reasons[0] and "than footage scatters" in narrow.reasons[0]
    assert _one_bad(footage_sd=0.03).answer == "pass"


def test_with_too_little_footage_to_know_its_spread_the_base_decides() -> None:
    verdict = _one_bad(footage_sd=0.03, clips=7)
    assert verdict.answer == "fail"
    assert "spread" not in verdict.reasons[0]


def test_single_clips_that_are_held_against_footage_may_scatter_as_it_does() -> None:
    settings = guarding(yardstick="footage", margin=MARGIN)
    bad = pairs([0.0] * 39 + [-0.2])
    wide, narrow, few = (
        decide(bad, settings, shown(noise(clips, sd, mean=0.85)))
        for clips, sd in ((12, 0.05), (12, 0.005), (7, 0.05))
    )
    assert (wide.answer, narrow.answer, few.answer) == ("pass", "fail", "fail")
    assert "temporal is far worse than what it is held against" in narrow.reasons[0]
    assert "than footage scatters" not in few.reasons[0], "too little to know it"


def test_a_single_clip_may_be_as_far_below_the_share_as_that_is_below_the_footage() -> None:
    """And farther where footage scatters as far: a clip that stands still is one that footage with
    such a spread may have, too."""
    settings = guarding("speed", yardstick="footage", least_share=0.75)
    slow = [
        pair(
            i,
            0,
            base={"temporal": 0.9, "likeness": 0.2, "speed": 0.4},
            adapter={"temporal": 0.9, "likeness": 0.25, "speed": 0.0 if i == 39 else 0.45},
        )
        for i in range(40)
    ]
    wide, narrow, few = (
        decide(slow, settings, shown(noise(clips, sd, mean=0.4), "speed"))
        for clips, sd in ((12, 0.1), (12, 0.02), (7, 0.02))
    )
    assert (wide.answer, narrow.answer, few.answer) == ("pass", "fail", "fail")
    assert "speed is far worse" in narrow.reasons[0] and "039_1" in narrow.reasons[0]
    slow[39] = slow[39].model_copy(update={"adapter": slow[38].adapter | {"speed": 0.21}})
    assert decide(slow, settings, shown(noise(12, 0.02, mean=0.4), "speed")).answer == "pass"


# Prompts that draw the same clip


def _asked_twice(prompts: int) -> list[PromptPair]:
    """Each two prompts draw one clip."""
    return [pair(i, 0.0, counts_as=f"{i - i % 2:03}") for i in range(prompts)]


def test_prompts_that_draw_the_same_clip_count_once_and_are_named() -> None:
    verdict = decide(_asked_twice(32))
    assert verdict.answer == "inconclusive"
    assert verdict.reasons == ["There are 16 distinct clips of each side, and a pass needs 32."]
    assert verdict.n_clips == verdict.metrics["temporal"].n == 16
    assert verdict.duplicates == {f"{i:03}": [f"{i + 1:03}"] for i in range(0, 32, 2)}
    assert decide(_asked_twice(64)).answer == "pass"


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


MEASURED = st.tuples(
    st.floats(-0.06, 0.06), st.integers(0, 3), st.integers(0, 5), st.booleans(), st.integers(1, 3)
)
"""Difference, motion, subject, frozen, seeds of a prompt."""


@given(
    st.lists(MEASURED, max_size=40),
    st.lists(st.floats(0.8, 1.0), max_size=10),
    st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=25, deadline=None)
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
