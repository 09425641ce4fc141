"""Prompts out of captions: of held-out clips alone, each said once, sources and templates even."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from slora_assets.config.data import ScenarioSettings
from slora_assets.curation.distinct import DistinctTexts
from slora_assets.curation.held_out_prompts import held_out_prompts
from slora_assets.documents import Clip
from slora_assets_tests.curation.clips import clip

PLAIN = ScenarioSettings(description="a harbour", keywords=["boat"])
TWO = ScenarioSettings(
    description="a harbour",
    keywords=["boat"],
    prompt_templates=["{caption}", "{description}, {caption}"],
)
CAPTIONS = st.builds(
    "a {} {} {} the harbour".format,
    st.sampled_from(["red", "blue", "old"]),
    st.sampled_from(["boat", "ship", "ferry"]),
    st.sampled_from(["leaves", "enters", "crosses"]),
)


@st.composite
def clips(draw: st.DrawFn) -> list[Clip]:
    """Clips of a few sources on both sides."""
    return [
        clip(
            f"clip{number}",
            draw(st.lists(CAPTIONS, max_size=4)),
            draw(st.sampled_from(["train", "validation", "test"])),
            source=f"source {draw(st.integers(0, 3))}",
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(clips(), st.integers(1, 12))
def test_every_text_is_a_held_out_caption_and_said_once(given_: list[Clip], count: int) -> None:
    made = held_out_prompts("harbour", TWO, given_, count)
    captions = {text for one in given_ if one.split == "validation" for text in one.captions}
    said = DistinctTexts()
    for prompt in made.prompts:
        assert prompt.text.removeprefix("a harbour, ") in captions
        assert said.add(prompt.text)
    assert len(made.prompts) <= count


@given(clips(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_clips_order_changes_nothing_and_more_begin_with_fewer(
    given_: list[Clip], count: int, random: Random
) -> None:
    mixed = list(given_)
    random.shuffle(mixed)
    made = held_out_prompts("harbour", TWO, given_, count).prompts
    assert held_out_prompts("harbour", TWO, mixed, count).prompts == made
    assert held_out_prompts("harbour", TWO, mixed, count + 3).prompts[: len(made)] == made


def test_each_source_gives_one_before_any_gives_two() -> None:
    given_ = [
        clip(name, [f"a {name} {verb} the harbour" for verb in ("leaves", "enters", "crosses")])
        for name in ("boat", "ship", "ferry")
    ]
    made = held_out_prompts("harbour", PLAIN, given_, 4).prompts
    assert {prompt.subject for prompt in made[:3]} == {"boat", "ship", "ferry"}
    assert len(held_out_prompts("harbour", PLAIN, given_, 32).prompts) == 9


def test_clips_of_one_source_are_one_subject() -> None:
    given_ = [
        clip("b", ["a red boat leaves"], source="https://v/1"),
        clip("a", ["a blue ship enters"], source="https://v/1"),
    ]
    made = held_out_prompts("harbour", PLAIN, given_, 2).prompts
    assert [prompt.subject for prompt in made] == ["a", "a"]


def test_templates_come_in_turn_and_the_bare_caption_is_no_label() -> None:
    given_ = [clip(name, [f"a {name} leaves"]) for name in ("boat", "ship", "ferry", "buoy")]
    made = held_out_prompts("harbour", TWO, given_, 4).prompts
    assert Counter(prompt.template for prompt in made) == {None: 2, TWO.prompt_templates[1]: 2}
    more = held_out_prompts("harbour", TWO, given_, 9).prompts
    assert len(more) == 8  # then each caption in its other template


def test_what_a_training_clip_is_described_with_comes_last_and_is_counted() -> None:
    given_ = [
        clip("a", ["a boat leaves the harbour", "a ship enters the harbour"]),
        clip("b", ["a boat is leaving the harbour"], "train"),
    ]
    made = held_out_prompts("harbour", PLAIN, given_, 2)
    assert [prompt.text for prompt in made.prompts][-1] == "a boat leaves the harbour"
    assert made.trained_on == 1
    assert held_out_prompts("harbour", PLAIN, given_, 1).trained_on == 0


def test_captions_about_the_video_and_slips_come_after_the_others() -> None:
    captions = [
        "a boat leaves the harbour",
        "a vdeo boat lvs harbour",
        "a video of a boat in the harbour",
        "boat",
    ]
    given_ = [clip("a", captions), clip("b", ["a boat leaves a harbour"], "train", prompts=[])]
    made = held_out_prompts("harbour", PLAIN, given_, 4).prompts
    assert made[0].text == "a boat leaves the harbour"


def test_a_caption_that_would_be_read_as_a_variable_is_left_out() -> None:
    given_ = [clip("a", ["a boat for ${HOME}", "a boat"])]
    made = held_out_prompts("harbour", PLAIN, given_, 4).prompts
    assert [prompt.text for prompt in made] == ["a boat"]
