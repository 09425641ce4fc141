"""What validation asks: as written, combined, or of held-out clips; and what is missing."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.curation.validation_prompts import (
    Prompt,
    missing_prompts,
    other_prompts,
    prompts_of,
    spread,
)
from slora_assets_tests.curation.clips import clip
from slora_assets_tests.small_graph import PROJECT

GATE = {"guards": {"clip_similarity": {"margin": 0.1, "improves": True}}}
TEMPLATES = ["a {subject} {motion} at sea", "{subject} {motion} in the harbour"]
SUBJECTS = ["boat", "ship", "ferry"]
MOTIONS = ["moving left", "moving right"]


def _settings(entry: dict[str, Any] | None = None, min_clips: int = 32) -> ValidationPrompts:
    return ValidationPrompts.model_validate(
        {
            "schema_version": 1,
            "seeds": [1],
            "scenarios": {} if entry is None else {"harbour": entry},
            "gate": GATE | {"min_clips": min_clips},
        }
    )


def _asked(entry: dict[str, Any]) -> list[Prompt]:
    return prompts_of(_settings(entry), "harbour", [])


def test_all_combinations_have_the_texts_ids_and_order_that_they_always_had() -> None:
    entry = {
        "prompts": ["a boat", "a boat", "A boat"],
        "templates": TEMPLATES,
        "subjects": SUBJECTS,
        "motions": MOTIONS,
    }
    texts = ["a boat", "A boat"] + [
        template.format(subject=subject, motion=motion)
        for template, subject, motion in product(TEMPLATES, SUBJECTS, MOTIONS)
    ]
    assert [(one.id, one.text) for one in _asked(entry)] == [
        (f"harbour_{number:02d}", text) for number, text in enumerate(texts)
    ]


def test_the_shipped_prompts_are_enough_for_a_pass() -> None:
    settings = read_validation_prompts(PROJECT / "configs/training/validation_prompts.yaml")
    assert [missing_prompts(settings, [name], []) for name in settings.scenarios] == [None] * len(
        settings.scenarios
    )


def test_labels_are_what_a_prompt_was_made_of() -> None:
    first, *_, last = _asked({"templates": TEMPLATES, "subjects": SUBJECTS, "motions": MOTIONS})
    assert (first.subject, first.motion, first.template) == ("boat", "moving left", TEMPLATES[0])
    assert (last.subject, last.motion, last.template) == ("ferry", "moving right", TEMPLATES[1])
    (lone,) = _asked({"prompts": [{"text": "a boat", "subject": "b"}]})
    assert (lone.subject, lone.motion, lone.template) == ("b", None, None)


def test_what_a_template_doesn_t_say_is_no_label() -> None:
    (fog,) = _asked({"templates": ["fog"], "subjects": ["boat"]})
    assert (fog.text, fog.subject, fog.motion) == ("fog", None, None)
    (bare,) = _asked({"templates": ["{subject} fog {motion}"]})
    assert (bare.text, bare.subject, bare.motion) == ("fog", None, None)


@pytest.mark.parametrize("count", [3, 6, 12])
def test_some_combinations_are_of_them_all_and_give_each_its_share(count: int) -> None:
    entry = {"templates": TEMPLATES, "subjects": SUBJECTS, "motions": MOTIONS}
    every = {(one.text, one.subject, one.motion, one.template) for one in _asked(entry)}
    some = _asked(entry | {"count": count})
    assert {(one.text, one.subject, one.motion, one.template) for one in some} <= every
    assert [one.id for one in some] == [f"harbour_{number:02d}" for number in range(count)]
    assert {one.subject for one in some} == set(SUBJECTS)
    assert some == _asked(entry | {"count": count})


def test_held_out_clips_are_asked_what_differs_under_their_source() -> None:
    clips = [
        clip("a", ["a boat leaves", "the boat is leaving"], source="https://v/1"),
        clip("b", ["Boat leaves.", "a ship"], source="https://v/1"),
        clip("c", ["a storm"], "train"),
    ]
    asked = prompts_of(_settings(), "harbour", clips)
    assert [(one.id, one.text, one.subject) for one in asked] == [
        ("harbour_00", "a boat leaves", "https://v/1"),
        ("harbour_01", "a ship", "https://v/1"),
    ]


def test_nothing_is_missing_where_there_are_enough() -> None:
    assert missing_prompts(_settings({"prompts": ["a", "b"]}, 2), ["harbour"], []) is None


def test_what_is_missing_is_told_with_the_command_that_writes_it() -> None:
    clips = [clip("a", [f"boat number {n}" for n in range(9)], prompts=["boat number 1"])]
    told = missing_prompts(_settings(None, 8), ["harbour"], clips)
    assert told is not None and told.startswith("7 prompts are missing for a pass, which needs 8: ")
    assert "`slora prompts write harbour --count 8`" in told and told.endswith(".")
    told = missing_prompts(_settings({"prompts": ["a boat"]}, 2), ["harbour"], clips)
    assert told is not None and told.startswith("1 prompt is missing")
    assert "--count 2 --replace`" in told


def test_where_the_captions_give_no_more_the_command_isn_t_offered() -> None:
    told = missing_prompts(_settings(), ["harbour"], [clip("a", ["a boat"])])
    assert told is not None and "hold out more clips" in told and "`" not in told


def test_of_several_scenarios_those_are_named_that_lack_some() -> None:
    settings = ValidationPrompts.model_validate(
        {
            "schema_version": 1,
            "seeds": [1],
            "scenarios": {"beach": {"prompts": ["a", "b"]}, "harbour": {"prompts": ["c"]}},
            "gate": GATE | {"min_clips": 4},
        }
    )
    told = missing_prompts(settings, ["beach", "harbour"], [])
    assert told is not None and "1 prompt is missing" in told
    assert "harbour has 1" in told and "beach" not in told


def _product() -> list[Prompt]:
    return _asked({"templates": TEMPLATES, "subjects": SUBJECTS, "motions": MOTIONS})


@pytest.mark.parametrize("count", range(1, 13))
def test_a_part_of_all_combinations_shares_as_little_as_can_be(count: int) -> None:
    """Each subject, motion and template is taken about equally often."""
    every = _product()
    chosen = spread(every, count)
    assert len(chosen) == len({one.id for one in chosen}) == count
    assert chosen == [one for one in every if one in chosen], "in their order"
    for kind, names in (("subject", SUBJECTS), ("motion", MOTIONS), ("template", TEMPLATES)):
        times = [sum(getattr(one, kind) == name for one in chosen) for name in names]
        assert max(times) - min(times) <= 2, kind


def test_prompts_without_labels_are_taken_evenly_and_none_is_made_up() -> None:
    written = _asked({"prompts": [f"a boat number {number}" for number in range(9)]})
    assert [one.text[-1] for one in spread(written, 3)] == ["0", "3", "6"]
    assert spread(written, 99) == written


def test_the_prompts_of_others_are_all_of_theirs_once() -> None:
    entries = {
        "harbour": {"prompts": ["a boat", "a ship"]},
        "beach": {"prompts": ["a bather", "a dune"]},
        "stage": {"templates": ["a {subject} on stage"], "subjects": ["singer"]},
        "pier": {"prompts": ["a bather"]},
    }
    settings = _settings().model_dump(exclude={"scenarios"}) | {"scenarios": entries}
    found = ValidationPrompts.model_validate(settings)
    assert other_prompts(found, "harbour") == ["a bather", "a dune", "a singer on stage"]
    assert other_prompts(found, "stage") == ["a boat", "a ship", "a bather", "a dune"]
    assert other_prompts(_settings(entries["harbour"]), "harbour") == [], "it is alone"
