"""A verdict stands while all that it depends on is the same; where not, it is said why."""

from __future__ import annotations

from typing import Any

import pytest

from slora_assets.config.validation import ValidationPrompts
from slora_assets.curation.validation_prompts import Prompt, prompts_of
from slora_assets.documents import Clip, RunRecord, RunVerdict
from slora_assets.validation.outdated import outdated_because
from slora_assets.validation.standing import validation_hash
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


def asked(prompts: ValidationPrompts) -> list[Prompt]:
    return prompts_of(prompts, SCENARIO, ())


def made(distinct: int = 2, duplicates: dict[str, list[str]] | None = None) -> RunVerdict:
    """The verdict on the run as it is."""
    document = verdict(SCENARIO, "5" * 64) | {"base_scores": {"samples": 2}}
    document["verdict"] |= {"n_clips": distinct, "duplicates": duplicates or {}}
    document["validation_hash"] = validation_hash(RECORD, settings(), asked(settings()), CLIPS)
    return RunVerdict.model_validate(document)


def because(
    prompts: ValidationPrompts, clips: list[Clip] | None = None, found: RunVerdict | None = None
) -> list[str]:
    return outdated_because(
        found or made(), RECORD, prompts, asked(prompts), CLIPS if clips is None else clips
    )


OTHERS = ["prompts, seeds, footage, the gate's settings or its code are others"]


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
    assert because(settings(), clips) == OTHERS


def test_another_scenario_s_first_prompt_is_a_reason_and_its_others_are_none() -> None:
    assert because(settings(stage={"prompts": ["a juggler", "a singer"]})) == OTHERS
    assert because(settings(stage={"prompts": ["a dancer", "a juggler"]})) == []


def test_a_guard_is_a_reason() -> None:
    guards = {"clip_similarity": {"margin": 0.03, "improves": True}}
    assert because(settings({"guards": guards})) == OTHERS


def test_prompts_that_count_as_one_are_as_many_as_were_asked() -> None:
    more = settings(market_floor={"prompts": ["a stall", "a cart", "a lamp"]})
    once = made(distinct=1, duplicates={"market_floor_00": ["market_floor_01"]})
    for found in (made(), once):
        assert because(more, found=found) == ["it rests on 2 clips of each side, and 3 are asked"]
    assert because(settings({"min_clips": 2}), found=once) == OTHERS
