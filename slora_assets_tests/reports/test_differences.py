"""Paired differences as the gate takes them, and the order of clips by them."""

from __future__ import annotations

import pytest

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import FootageClip, GuardedMetric, PromptPair
from slora_assets.reports.differences import clip_differences, pair_differences, worst_first
from slora_assets.validation.gate.comparison import compare, distinct_clips

FOOTAGE = [
    FootageClip(clip_id=str(number), split="validation", caption="", scores={"m": value})
    for number, value in enumerate((0.8, 1.2, None))
]


def pair(
    prompt: str, base: float | None, adapter: float | None, counts_as: str = "", seed: int = 1
) -> PromptPair:
    return PromptPair(
        prompt_id=prompt,
        seed=seed,
        counts_as=counts_as or prompt,
        base={"m": base},
        adapter={"m": adapter},
        base_frozen=False,
        adapter_frozen=adapter is None,
        difference=0.1,
    )


def guarded(margin: float, footage: float | None = None) -> GuardedMetric:
    return GuardedMetric(
        yardstick="base",
        base=None,
        adapter=None,
        footage=footage,
        mean_delta=None,
        lower=None,
        upper=None,
        margin=margin,
        allowance=0.0,
        n=0,
        improved=False,
        shares={},
        false_pass=None,
        power=None,
    )


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        (Guard(margin=0.1), 0.25),
        (Guard(margin=0.1, higher_is_better=False), -0.25),
        (Guard(yardstick="base_or_footage", margin=0.1), 0.25),
        (Guard(yardstick="footage", margin=0.1), -0.25),
        (Guard(yardstick="footage", margin=0.1, higher_is_better=False), 0.25),
        (Guard(yardstick="footage", least_share=0.5), 0.25),
    ],
)
def test_a_difference_is_positive_where_the_adapter_is_better_than_asked(
    guard: Guard, expected: float
) -> None:
    found = pair_differences("m", guard, [pair("a", 0.5, 0.75)], FOOTAGE)
    assert found == {("a", 1): pytest.approx(expected)}


def test_what_could_not_be_measured_is_left_out() -> None:
    pairs = [pair("a", 0.5, None), pair("b", None, 0.5), pair("c", 0.5, 0.6)]
    assert [*pair_differences("m", Guard(margin=0.1), pairs, FOOTAGE)] == [("c", 1)]
    assert pair_differences("m", Guard(yardstick="footage", margin=0.1), pairs, []) == {}


def test_pairs_that_count_as_one_are_one_dot() -> None:
    pairs = [pair("a", 0.5, 0.6), pair("b", 0.5, 0.8, "a"), pair("a", 0.5, 0.9, seed=2)]
    found = clip_differences("m", Guard(margin=0.1), pairs, [])
    assert found == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize(
    "guard",
    [
        Guard(margin=0.1, improves=True),
        Guard(yardstick="base_or_footage", margin=0.1, higher_is_better=False, improves=True),
        Guard(yardstick="footage", least_share=0.75, improves=True),
    ],
)
def test_the_gate_takes_the_same_differences(guard: Guard) -> None:
    pairs = [pair("a", 0.5, 0.6), pair("b", 0.5, 0.8, "a"), pair("c", 0.4, 0.9), pair("d", 1, None)]
    gate = GateSettings(guards={"m": guard}, bootstrap_samples=100)
    found = compare("m", distinct_clips(pairs), FOOTAGE, gate).deltas
    assert clip_differences("m", guard, pairs, FOOTAGE) == pytest.approx(sorted(found.values()))


def test_the_pair_farthest_beyond_its_limit_comes_first_and_a_frozen_one_before_it() -> None:
    gate = GateSettings(guards={"m": Guard(margin=0.1, improves=True), "n": Guard(margin=0.001)})
    pairs = [
        pair("good", 0.5, 0.9),
        pair("bad", 0.5, 0.3),
        pair("frozen", 0.5, None),
        pair("unmeasured", None, 0.5),
        pair("worse", 0.5, 0.48).model_copy(
            update={"base": {"n": 0.5}, "adapter": {"n": 0.49}},
        ),
    ]
    found = worst_first(pairs, [], gate, {"m": guarded(0.1), "n": guarded(0.001)})
    order = [one.pair.prompt_id for one in found]
    assert order == ["frozen", "worse", "bad", "good", "unmeasured"]
    assert [one.metric for one in found] == [None, "n", "m", "m", None]
    assert found[0].froze
    assert found[2].relative == pytest.approx(-1.0)


def test_a_share_of_footage_is_measured_in_what_it_leaves() -> None:
    gate = GateSettings(guards={"m": Guard(yardstick="footage", least_share=0.75, improves=True)})
    (found,) = worst_first([pair("a", 0.5, 0.5)], FOOTAGE, gate, {"m": guarded(0.0, 1.0)})
    assert found.difference == pytest.approx(-0.25)
    assert found.relative == pytest.approx(-1.0)
