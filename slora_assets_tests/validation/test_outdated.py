"""A verdict stands while all that it depends on is the same; where not, it is said why."""

from __future__ import annotations

from typing import Any

import pytest

from slora_assets.config.validation import ValidationPrompts
from slora_assets.documents import Clip, RunRecord, RunVerdict
from slora_assets.validation.as_served import Serving
from slora_assets.validation.outdated import outdated_because
from slora_assets.validation.question import Question
from slora_assets_tests.caches.made import clip
from slora_assets_tests.made_runs import run_record, verdict

SCENARIO = "market_floor"
RECORD = RunRecord.model_validate(run_record(SCENARIO, "5" * 64))
CLIPS = [clip("one", split="validation"), clip("other")]
ENTRIES = {
    SCENARIO: {"prompts": ["a stall", "a cart"]},
    "stage": {"prompts": ["a dancer", "a singer"]},
}


def settings(gate: dict[str, Any] | None = None, **entries: Any) -> ValidationPrompts:
    guards = {"clip_similarity": {"margin": 0.02, "improves": True}}
    return ValidationPrompts.model_validate(
        {
            "schema_version": 1,
            "seeds": [1],
            "scenarios": ENTRIES | entries,
            "gate": {"guards": guards} | (gate or {}),
        }
    )


def question(
    prompts: ValidationPrompts, clips: list[Clip] | None = None, scale: float = 0.85
) -> Question:
    return Question(RECORD, prompts, CLIPS if clips is None else clips, Serving(scale=scale))


def made(distinct: int = 2, duplicates: dict[str, list[str]] | None = None) -> RunVerdict:
    """The verdict on the run as it is."""
    document = verdict(SCENARIO, "5" * 64) | {"base_scores": {"samples": 2}}
    document["verdict"] |= {"n_clips": distinct, "duplicates": duplicates or {}}
    asked = question(settings())
    document |= {"validation_hash": asked.hash, "question": asked.told}
    return RunVerdict.model_validate(document)


def older() -> RunVerdict:
    """One from before verdicts said what they were asked."""
    return made().model_copy(update={"question": None})


def because(
    prompts: ValidationPrompts,
    clips: list[Clip] | None = None,
    found: RunVerdict | None = None,
    scale: float = 0.85,
) -> list[str]:
    return outdated_because(found or made(), question(prompts, clips, scale))


FOOTAGE = ["the footage is not that which it was held against"]


def test_a_verdict_stands_while_all_is_as_it_was() -> None:
    assert because(settings()) == []
    assert because(settings(), CLIPS[::-1]) == [], "the order of clips says nothing"


@pytest.mark.parametrize(
    "clips",
    [
        CLIPS[:1],
        [CLIPS[0].model_copy(update={"sha256": "0e" * 32}), CLIPS[1]],
        [CLIPS[0], CLIPS[1].model_copy(update={"split": "validation"})],
    ],
    ids=["fewer", "other bytes", "another split"],
)
def test_footage_that_has_changed_is_a_reason(clips: list[Clip]) -> None:
    assert because(settings(), clips) == FOOTAGE


def test_each_prompt_of_another_scenario_is_a_reason() -> None:
    others = ["the prompts of other scenarios are others"]
    assert because(settings(stage={"prompts": ["a juggler", "a singer"]})) == others
    assert because(settings(stage={"prompts": ["a dancer", "a juggler"]})) == others


def test_every_setting_that_is_another_is_told_with_what_it_was() -> None:
    guards = {"clip_similarity": {"least_share": 0.9, "yardstick": "footage", "improves": True}}
    changed = settings({"guards": guards, "min_clips": 2}).model_copy(update={"seeds": [3]})
    assert because(changed) == [
        "seeds is 3, and was 1",
        "gate.guards.clip_similarity.least_share is 0.9, and was not set",
        "gate.guards.clip_similarity.margin is not set, and was 0.02",
        "gate.guards.clip_similarity.yardstick is footage, and was base",
        "gate.min_clips is 2, and was 32",
    ]
    more = {"clip_similarity": {"margin": 0.02, "improves": True}, "steadiness": {"margin": 0.5}}
    added = because(settings({"guards": more}))
    assert "gate.guards.steadiness.margin is 0.5, and was not set" in added
    assert all(one.startswith("gate.guards.steadiness.") for one in added)
    faster = Question(RECORD, settings(), CLIPS, Serving(scale=0.85, speed="fast", steps=4))
    assert outdated_because(made(), faster) == [
        "sampling.speed is fast, and was default",
        "sampling.steps is 4, and was not set",
    ]


def test_of_an_older_verdict_it_is_said_what_may_be_another() -> None:
    (reason,) = because(settings({"min_clips": 2}), found=older())
    assert reason == "prompts, seeds, footage, presets, the gate's settings or its code are others"
    assert because(settings(), found=older()) == []


def test_prompts_that_were_written_anew_are_counted() -> None:
    anew = settings(market_floor={"prompts": ["a stall", "a lamp"]})
    assert because(anew) == ["1 of its 2 prompts are new, and 1 are gone"]
    labelled = [{"text": "a stall", "subject": "stall"}, "a cart"]
    assert because(settings(market_floor={"prompts": labelled})) == [
        "the prompts have other labels, or another order"
    ]


def test_prompts_that_count_as_one_are_as_many_as_were_asked() -> None:
    more = settings(market_floor={"prompts": ["a stall", "a cart", "a lamp"]})
    once = made(distinct=1, duplicates={"market_floor_00": ["market_floor_01"]})
    for found in (made(), once):
        assert because(more, found=found) == [
            "it rests on 2 clips of each side, and 3 are asked",
            "1 of its 3 prompts are new, and 0 are gone",
        ]
    assert because(settings(), found=once) == []


def test_another_strength_of_the_preset_is_a_reason() -> None:
    assert because(settings(), scale=1.0) == ["it is about strength 0.85, and the preset's is 1"]


def test_the_strength_that_a_promotion_chose_is_none() -> None:
    served = Serving(scale=1.0, promoted=RECORD.best.sha256)
    promoted = Question(RECORD, settings(), CLIPS, served)
    assert outdated_because(made(), promoted) == []
    other = Serving(scale=1.0, promoted="6" * 64)
    (reason,) = outdated_because(made(), Question(RECORD, settings(), CLIPS, other))
    assert "strength" in reason


def test_another_neutral_prompt_is_a_reason() -> None:
    changed = settings().model_copy(update={"neutral": ["a sea"]})
    assert because(changed) == ["the neutral prompts are others"]


def test_an_adapter_that_was_given_up_rests_on_as_many_clips_as_it_took() -> None:
    found = made()
    gate = found.gate.model_copy(update={"given_up": True})
    more = settings(market_floor={"prompts": ["a stall", "a cart", "a lamp"]})
    assert because(more, found=found.model_copy(update={"gate": gate})) == [
        "1 of its 3 prompts are new, and 0 are gone"
    ]


def test_without_other_scenarios_nothing_guards_what_sets_them_apart() -> None:
    guards = {
        name: {"yardstick": "footage", "least_share": 0.7, "improves": True}
        for name in ("clip_similarity", "scenario_margin")
    }
    several = settings({"guards": guards})
    alone = several.model_copy(update={"scenarios": {SCENARIO: several.scenarios[SCENARIO]}})
    assert set(question(several).gate.guards) == {"clip_similarity", "scenario_margin"}
    assert set(question(alone).gate.guards) == {"clip_similarity"}


@pytest.mark.parametrize("version", ["TEMPORAL_VERSION", "VALIDATION_VERSION"])
def test_a_verdict_by_other_code_no_longer_stands(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made()
    assert because(settings(), found=found) == []
    monkeypatch.setattr(f"slora_assets.validation.question.{version}", 1)
    (reason,) = because(settings(), found=found)
    assert "code" in reason
