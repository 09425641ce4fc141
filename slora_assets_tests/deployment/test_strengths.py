"""An adapter is served at no strength that the gate did not let through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slora_assets.config.errors import GateError, IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import preset_values, read_presets, write_preset
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.strengths import (
    Strengths,
    Tried,
    checked_promotion,
    strengths_for,
    tried_strengths,
)
from slora_assets.documents import Answer, ScenarioPreset
from slora_assets.provenance.records import read_verdict
from slora_assets_tests.deployment.conftest import strengths
from slora_assets_tests.earned import earn

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


def tried(**answers: Answer) -> dict[float, Tried]:
    """Strengths named `s085=...`; the declared metric is best at the strongest."""
    return {scale: Tried(answer, scale) for scale, answer in strengths(answers).items()}


def test_the_best_of_those_that_pass_is_served_and_requests_go_as_far_as_the_row() -> None:
    found = tried(s050="fail", s070="pass", s085="pass", s100="pass", s120="fail")
    assert strengths_for(found, "pass", None) == Strengths(1.0, 0.7, 1.0)


def test_a_gap_ends_the_row() -> None:
    found = tried(s050="pass", s070="fail", s085="pass", s100="inconclusive")
    assert strengths_for(found, "pass", None) == Strengths(0.85, 0.85, 0.85)
    assert strengths_for(found, "pass", 0.5) == Strengths(0.5, 0.5, 0.5)
    assert strengths_for(found, "inconclusive", 0.85) == Strengths(0.85, 0.85, 1.0)


def test_a_person_may_choose_within_a_row_and_nowhere_else() -> None:
    found = tried(s070="pass", s085="pass", s100="fail")
    assert strengths_for(found, "pass", 0.8) == Strengths(0.8, 0.7, 0.85)
    for refused in (0.6, 0.9, 1.0):
        with pytest.raises(GateError, match=r"0\.7 to 0\.85"):
            strengths_for(found, "pass", refused)


def preset(workspace: Workspace) -> ScenarioPreset:
    return read_presets(workspace.presets).presets[SCENARIO]


def reach(workspace: Workspace) -> tuple[float, float, float]:
    now = preset(workspace)
    return now.scale, now.scale_min, now.scale_max


def test_without_a_sweep_the_verdict_s_strength_is_the_only_one(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(SCENARIO)
    done = promote(workspace, SCENARIO, "Zoë", "it passed")
    assert reach(workspace) == (0.85, 0.85, 0.85)
    assert done.change is not None
    assert (done.change.scale, done.change.scale_min, done.change.scale_max) == (0.85,) * 3


def test_a_sweep_widens_the_preset_and_a_person_chooses_in_it(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s050="fail", s070="pass", s085="pass", s100="pass")
    promote(workspace, SCENARIO, "Zoë", "it passed")
    assert reach(workspace) == (1.0, 0.7, 1.0)
    promote(workspace, SCENARIO, "Zoë", "calmer", scale=0.75)
    assert reach(workspace) == (0.75, 0.7, 1.0)
    with pytest.raises(GateError, match="wasn't let through"):
        promote(workspace, SCENARIO, "Zoë", "more", scale=1.2)


def test_a_sweep_of_another_adapter_or_other_settings_counts_for_nothing(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(adapter="0e" * 32, s070="pass", s085="pass")
    verdict = read_verdict(workspace, SCENARIO)
    assert set(tried_strengths(workspace, verdict)) == {0.85}
    sweep(s070="pass", s085="pass")
    assert set(tried_strengths(workspace, verdict)) == {0.7, 0.85}
    prompts = workspace.validation_prompts
    shipped = prompts.read_text()
    prompts.write_text(shipped.replace("sweep: [0.7, ", "sweep: [0.5, 0.7, "))
    assert set(tried_strengths(workspace, verdict)) == {0.85}, "one strength is lacking"
    prompts.write_text(shipped.replace("confidence: 0.95", "confidence: 0.9"))
    assert set(tried_strengths(workspace, verdict)) == {0.85}


def test_a_preset_that_is_edited_past_what_was_let_through_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run(SCENARIO)
    promote(workspace, SCENARIO, "Zoë", "it passed")
    checked_promotion(workspace, SCENARIO, preset(workspace))
    write_preset(
        workspace.presets,
        SCENARIO,
        preset_values(sha256, "pass", Strengths(0.85, 0.0, 1.5)),
    )
    with pytest.raises(GateError, match="make sweep"):
        checked_promotion(workspace, SCENARIO, preset(workspace))
    demote(workspace, SCENARIO, "Zoë", "edited by hand")
    checked_promotion(workspace, SCENARIO, preset(workspace))


def test_an_adapter_that_the_log_does_not_say_is_promoted_is_not_served(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    sha256 = finish_run(SCENARIO)
    promote(workspace, SCENARIO, "Zoë", "it passed")
    values = preset(workspace).model_dump(include={"adapter", "sha256", "verdict"})
    demote(workspace, SCENARIO, "Zoë", "artefacts")
    write_preset(workspace.presets, SCENARIO, values)
    with pytest.raises(GateError, match=sha256):
        checked_promotion(workspace, SCENARIO, preset(workspace))
    assert promote(workspace, SCENARIO, "Zoë", "again, then").change is not None
    assert checked_promotion(workspace, SCENARIO, preset(workspace)) is not None
    workspace.changelog.unlink()
    with pytest.raises(IntegrityError, match="the change log was cut"):
        checked_promotion(workspace, SCENARIO, preset(workspace))


def test_where_the_served_strength_fails_those_that_pass_are_named(
    workspace: Workspace, sweep: Callable[..., str], finish_run: FinishRun
) -> None:
    finish_run(SCENARIO, "fail")
    with pytest.raises(GateError, match="train a better adapter"):
        promote(workspace, SCENARIO, "Zoë", "please")
    sweep(s070="pass", s085="fail", s100="pass")
    earn(workspace, SCENARIO, "fail")
    with pytest.raises(GateError, match=r"strength 0\.7 or 1: set presets\.market_floor\.scale"):
        promote(workspace, SCENARIO, "Zoë", "please")


def test_a_preset_that_serves_is_taken_back_before_another_strength_is_judged(
    workspace: Workspace, sweep: Callable[..., str], finish_run: FinishRun
) -> None:
    finish_run(SCENARIO)
    promote(workspace, SCENARIO, "Zoë", "it passed")
    sweep(s070="pass", s085="fail")
    earn(workspace, SCENARIO, "fail")
    with pytest.raises(GateError, match=r"slora demote market_floor.*scale_min and scale_max"):
        promote(workspace, SCENARIO, "Zoë", "please")
    demote(workspace, SCENARIO, "Zoë", "as told")
    write_preset(workspace.presets, SCENARIO, {"scale": 0.7, "scale_min": 0.7, "scale_max": 0.7})
    with pytest.raises(GateError, match=r"is about strength 0\.85.* 0\.7") as caught:
        promote(workspace, SCENARIO, "Zoë", "too early")
    assert caught.value.remedy == "run `make validate`"
    earn(workspace, SCENARIO, "pass", {"served": {"scale": 0.7, "steps": 2, "guidance_scale": 3.0}})
    promote(workspace, SCENARIO, "Zoë", "it passed")
    assert preset(workspace).scale == 0.7
