"""What choices say of an adapter, with truths that are known: simulated persons, ties, nobody,
copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.documents import LoggedComparison, PairedMeasurements, PromptPair
from slora_assets.validation.preferences.choices import Choices, preferred, standing_choices
from slora_assets.validation.preferences.report import preference_section
from slora_assets.validation.preferences.summary import (
    JudgedRun,
    PreferenceSummary,
    metric_differences,
    summarise,
)

PROMPTS = 32
Answer = Callable[[str, int], str]


def line(person: str, prompt: int, pressed: str, left: str = "adapter") -> LoggedComparison:
    return LoggedComparison.model_validate(
        {
            "person": person,
            "run": "kitchen",
            "prompt_id": f"kitchen_{prompt:02d}",
            "seed": 1,
            "pressed": pressed,
            "left": left,
            "adapter_sha256": "a" * 64,
            "validation_hash": "b" * 64,
            "time": "2026-11-28T00:00:00Z",
            "previous": "",
            "hash": "",
        }
    )


def run_of(
    said: Answer, persons: Sequence[str] = ("Ada",), prompts: int = PROMPTS, name: str = "kitchen"
) -> JudgedRun:
    """A run in which each person says of each prompt what `said` gives: adapter, base, neither."""
    lines = []
    for person in persons:
        for prompt in range(prompts):
            left = "adapter" if prompt % 2 else "base"
            answer = said(person, prompt)
            side = "left" if answer == left else "right"
            pressed = "no_difference" if answer == "neither" else side
            lines.append(line(person, prompt, pressed, left))
    return JudgedRun(name, "tiny r1", "pass", Choices(lines, 0), {})


def preferring(share: float | NDArray[np.float64], seed: int | np.random.Generator) -> Answer:
    """Independent persons who prefer the adapter with this probability, one for each prompt or the
    same for all."""
    random, shares = np.random.default_rng(seed), np.broadcast_to(share, PROMPTS)
    return lambda _person, prompt: "adapter" if random.random() < shares[prompt] else "base"


def agreeing(answers: Sequence[str]) -> Answer:
    """Persons who all say the same, an answer for each prompt."""
    return lambda _person, prompt: answers[prompt]


def summary_of(*runs: JudgedRun) -> PreferenceSummary:
    return summarise(runs, {})


# Simulated persons


@pytest.mark.parametrize(("persons", "share"), [(1, 0.7), (1, 0.5), (1, 0.95), (4, 0.7)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    persons: int, share: float
) -> None:
    names, trials, covered = [f"p{i}" for i in range(persons)], 300, 0
    truth = math.log(share / (1 - share))
    for seed in range(trials):
        (run,) = summary_of(run_of(preferring(share, seed), names)).runs
        assert run.strength is not None
        covered += run.strength.lower <= truth <= run.strength.upper
    assert 0.92 <= covered / trials <= 0.99


def test_persons_who_differ_on_prompts_make_the_interval_narrower_and_copies_don_t() -> None:
    answers = [preferring(0.7, 1)("Ada", i) for i in range(PROMPTS)]
    copies = ["Ada", "Bob", "Eve"]
    (one,) = summary_of(run_of(agreeing(answers), ["Ada"])).runs
    (three,) = summary_of(run_of(agreeing(answers), copies)).runs
    (free,) = summary_of(run_of(preferring(0.7, 1), copies)).runs
    assert one.strength and three.strength and free.strength
    assert three.share == one.share
    assert three.strength.value == pytest.approx(one.strength.value)
    assert three.strength.lower == pytest.approx(one.strength.lower)
    assert three.strength.upper == pytest.approx(one.strength.upper)
    width = one.strength.upper - one.strength.lower
    assert free.strength.upper - free.strength.lower < 0.8 * width


def test_prompts_that_all_persons_see_alike_count_once() -> None:
    """What persons prefer hangs on the prompt: 70 % of prompts, on which nobody disagrees."""
    covered, trials = 0, 200
    for seed in range(trials):
        random = np.random.default_rng(seed)
        better = random.random(PROMPTS) < 0.7
        said = ["adapter" if one else "base" for one in better]
        (run,) = summary_of(run_of(agreeing(said), "ABCDE")).runs
        assert run.strength
        covered += run.strength.lower <= math.log(0.7 / 0.3) <= run.strength.upper
    assert covered / trials >= 0.92


def test_prompts_on_which_persons_agree_more_or_less_are_covered() -> None:
    """Each prompt has a share of its own, two thirds on the average."""
    covered, trials = 0, 300
    for seed in range(trials):
        random = np.random.default_rng(seed)
        shares = random.beta(2, 1, PROMPTS)
        (run,) = summary_of(run_of(preferring(shares, random), "ABCD")).runs
        assert run.strength
        covered += run.strength.lower <= math.log(2) <= run.strength.upper
    assert covered / trials >= 0.92


# Known truths


def test_all_ties_say_equal_and_are_not_certain() -> None:
    (run,) = summary_of(run_of(lambda *_: "neither")).runs
    assert run.strength and run.share
    assert (run.share.value, run.prompts_undecided) == (0.5, PROMPTS)
    assert run.strength.value == pytest.approx(0)
    assert run.strength.lower == pytest.approx(-run.strength.upper) and run.strength.upper > 0.5


def test_nobody_says_nothing() -> None:
    summary = summary_of(run_of(lambda *_: "adapter", persons=[]))
    (run,) = summary.runs
    assert (run.share, run.strength, summary.persons.alpha, summary.automatic) == (
        None,
        None,
        None,
        [],
    )
    assert "Nobody has chosen" in preference_section(summary)
    assert "Nobody has chosen" in preference_section(summary_of())


@pytest.mark.parametrize(("answer", "sign"), [("adapter", 1), ("base", -1)])
def test_a_side_that_won_everything_is_finitely_strong(answer: str, sign: int) -> None:
    (run,) = summary_of(run_of(lambda *_: answer)).runs
    assert run.strength and run.share
    assert run.strength.value == pytest.approx(sign * math.log(2 * PROMPTS + 1))
    ends = sorted([sign * run.strength.lower, sign * run.strength.upper])
    assert 2 < ends[0] < math.log(2 * PROMPTS + 1) < ends[1] < 12
    assert run.share.lower > 0 or sign < 0
    assert run.share.value == (1 if sign > 0 else 0)


def test_clips_that_are_the_same_are_no_difference_whatever_was_pressed() -> None:
    everything = frozenset((f"kitchen_{i:02d}", 1) for i in range(PROMPTS))
    summary = summary_of(replace(run_of(lambda *_: "adapter", "AB"), same=everything))
    (run,) = summary.runs
    assert run.strength and run.share and run.share.value == 0.5
    assert run.strength.value == pytest.approx(0)
    assert (run.on_same_clips, run.differing_on_same_clips) == (2 * PROMPTS, 2 * PROMPTS)
    assert summary.persons.pairs == 0
    assert "64 of them preferred one" in preference_section(summary)


def test_a_person_who_always_presses_left_prefers_nothing() -> None:
    lines = [line("Ada", i, "left", "adapter" if i % 2 else "base") for i in range(PROMPTS)]
    summary = summary_of(JudgedRun("kitchen", "b", "pass", Choices(lines, 0), {}))
    (run,) = summary.runs
    assert run.strength and run.strength.value == pytest.approx(0)
    assert run.pressed_left == PROMPTS, "and it shows"


def test_a_copy_of_an_adapter_is_as_strong() -> None:
    first = run_of(preferring(0.7, 3), name="one")
    summary = summary_of(first, replace(first, run="two"))
    one, two = (run.strength for run in summary.runs)
    assert one and two and one.value == pytest.approx(two.value)
    assert (one.lower, one.upper) == pytest.approx((two.lower, two.upper))
    assert one == summary_of(first).runs[0].strength, "it tells nothing of the first"


def test_what_is_preferred_and_what_is_swapped_mirror_each_other() -> None:
    said = {"adapter": "base", "base": "adapter"}
    answers = [preferring(0.7, 5)("Ada", i) for i in range(PROMPTS)]
    (run,) = summary_of(run_of(agreeing(answers))).runs
    (other,) = summary_of(run_of(agreeing([said[one] for one in answers]))).runs
    assert run.strength and other.strength
    assert run.strength.value == pytest.approx(-other.strength.value)
    assert run.strength.lower == pytest.approx(-other.strength.upper)


# Which choices count


def test_the_last_choice_of_a_person_on_a_pair_counts_and_older_samples_don_t() -> None:
    lines = [
        line("Ada", 0, "left"),
        line("Bob", 0, "right"),
        line("Ada", 0, "no_difference"),
        line("Ada", 1, "left").model_copy(update={"adapter_sha256": "c" * 64}),
        line("Ada", 1, "right").model_copy(update={"adapter_sha256": "c" * 64}),
        line("Ada", 0, "left").model_copy(update={"validation_hash": "c" * 64}),
    ]
    found = standing_choices(lines, "a" * 64, "b" * 64)
    assert [(one.person, one.pressed) for one in found.standing] == [
        ("Ada", "no_difference"),
        ("Bob", "right"),
    ]
    assert found.stale == 2, "a stale pair counts once, too"


@pytest.mark.parametrize(
    ("pressed", "left", "wanted"),
    [
        ("left", "adapter", "adapter"),
        ("left", "base", "base"),
        ("right", "adapter", "base"),
        ("right", "base", "adapter"),
        ("no_difference", "base", "no_difference"),
    ],
)
def test_what_a_choice_says(pressed: str, left: str, wanted: str) -> None:
    assert preferred(line("Ada", 0, pressed, left)) == wanted


# Strengths


def test_a_metric_agrees_by_its_direction_and_an_unknown_one_is_marked() -> None:
    run = run_of(lambda _p, i: "adapter" if i % 4 else "base")
    good = {f"kitchen_{i:02d}": 0.1 if i % 4 else -0.1 for i in range(PROMPTS)}
    bad = {name: -value for name, value in good.items()}
    differences = {"likeness": good, "error": bad, "novel": good}
    summary = summarise([replace(run, differences=differences)], {"likeness": True, "error": False})
    found = {one.metric: one for one in summary.automatic}
    assert {name: one.found.agreeing for name, one in found.items()} == dict.fromkeys(
        differences, PROMPTS
    )
    assert not found["novel"].direction_known and found["error"].direction_known
    text = preference_section(summary)
    assert "| novel (?) |" in text and "| error |" in text


def test_runs_are_pooled_for_the_metrics_when_there_are_several() -> None:
    run = run_of(lambda *_: "adapter")
    ups = {f"kitchen_{i:02d}": 1.0 for i in range(PROMPTS)}
    runs = [replace(run, run=name, differences={"m": ups}) for name in ("one", "two")]
    found = summarise(runs, {"m": True}).automatic
    assert [(one.run, one.found.n) for one in found] == [
        ("one", PROMPTS),
        ("two", PROMPTS),
        ("all runs", 2 * PROMPTS),
    ]


def test_any_metric_that_both_sides_have_a_number_of_is_taken() -> None:
    def pair(prompt: str, base: dict[str, object], adapter: dict[str, object]) -> PromptPair:
        return PromptPair.model_construct(
            prompt_id=prompt, base=base, adapter=adapter, base_frozen=False, adapter_frozen=False
        )

    pairs = [
        pair("a", {"x": 1, "y": None, "z": 1.0}, {"x": 3.0, "y": 1.0, "w": 2.0}),
        pair("a", {"x": 1.0, "z": math.nan}, {"x": 2.0, "z": 1.0}),
        pair("b", {"x": True, "note": "text"}, {"x": 2.0, "note": "text"}),
    ]
    measured = PairedMeasurements.model_construct(pairs=pairs)
    assert metric_differences(measured) == {"x": {"a": 1.5}}


def test_the_section_is_a_table_that_hostile_names_can_t_break() -> None:
    run = replace(run_of(preferring(0.7, 0), "AB"), run="a|b\n# c", base="<b>")
    text = preference_section(summary_of(run), "### Persons")
    assert text.startswith("### Persons\n\n") and text.endswith("\n")
    assert "\n# c" not in text and "a\\|b" in text and "\\<b\\>" in text
