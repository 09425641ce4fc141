"""Adapters that a person would know at a glance, and what they are held against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from slora_assets.documents import GateDecision, HeldOut
from slora_assets.validation.gate.decision import judge
from slora_assets_tests.validation.gate_cases import (
    BASE,
    FOOTAGE,
    MARGIN,
    SETTINGS,
    SHIPPED,
    decide,
    guarding,
    judged,
    noise,
    pair,
    pairs,
    shown,
)


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
@hypothesis_settings(max_examples=20)
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


# Held-out loss


def _with_loss(adapter: float, trusted: bool = True) -> GateDecision:
    """The decision on a harmless, better adapter whose loss of held-out clips is this."""
    loss = HeldOut(base=0.5, adapter=adapter, limit=0.5, clips=3)
    made = pairs(noise(40, MARGIN))
    return judge(made, [], SETTINGS, trusted=trusted, untrusted_reason="random", held_out=loss)


def test_an_adapter_that_knows_held_out_clips_less_well_than_its_base_fails() -> None:
    assert _with_loss(0.5).answer == "pass"
    worse = _with_loss(0.51)
    assert worse.answer == "fail"
    assert worse.reasons[0].startswith(
        "The loss of the 3 held-out clips is 0.5100 with the adapter"
    )
    assert _with_loss(0.51, trusted=False).answer == "inconclusive", "random weights prove nothing"
