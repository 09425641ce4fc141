"""Forgetting: whose prompts are asked, and what the rows say of an adapter that lost them."""

from __future__ import annotations

import numpy as np
import pytest

from slora_assets.config.validation import ValidationPrompts
from slora_assets.validation.elsewhere import ALL, OtherPair, forgetting, other_prompts_asked
from slora_assets.validation.sampling import asked_with
from slora_assets_tests.validation.gate_cases import SETTINGS

PROMPTS = ValidationPrompts.model_validate(
    {
        "schema_version": 1,
        "seeds": [1, 2],
        "scenarios": {
            "market_floor": {"prompts": ["a stall", "a cart"]},
            "kitchen": {"prompts": ["a pan", "a pot"]},
            "stage": {"prompts": ["a dancer"]},
        },
        "neutral": ["a sea"],
        "gate": SETTINGS.model_dump(mode="json"),
    }
)


def drawn(after: float) -> list[OtherPair]:
    """Clips on which the base scores 0.6, and the adapter `after` on the kitchen's."""
    still = np.zeros((2, 8, 8, 3), np.uint8)
    asked = asked_with(other_prompts_asked(PROMPTS, ["market_floor"]), PROMPTS.seeds)
    return [
        OtherPair(one, still, still, (0.6, after if one.prompt.scenario == "kitchen" else 0.6))
        for one in asked
    ]


def test_the_first_prompt_of_every_other_scenario_and_the_neutral_ones_are_asked() -> None:
    asked = other_prompts_asked(PROMPTS, ["market_floor"])
    assert [one.text for one in asked] == ["a pan", "a dancer", "a sea"]
    assert len({one.id for one in asked}) == 3
    unified = other_prompts_asked(PROMPTS, ["market_floor", "kitchen", "stage"])
    assert [one.text for one in unified] == ["a sea"]


def test_what_was_forgotten_shows_where_it_was_and_in_all() -> None:
    rows = {row.asked: row for row in forgetting(drawn(0.3), SETTINGS)}
    assert list(rows) == ["kitchen", "stage", "neutral", ALL]
    assert rows["kitchen"].mean_delta == pytest.approx(-0.3)
    assert rows["stage"].mean_delta == rows["neutral"].mean_delta == 0
    everything = rows[ALL]
    assert (everything.n_clips, everything.mean_delta) == (6, pytest.approx(-0.1))
    assert everything.lower is not None and everything.upper is not None
    assert everything.lower < -0.1 < everything.upper


def test_nothing_asked_is_no_row() -> None:
    assert forgetting([], SETTINGS) == []
