"""An adapter is served with no speed preset that the gate did not let it through at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import promote
from slora_assets.deployment.strengths import checked_promotion, let_through_speeds
from slora_assets.validation.question import question_of
from slora_assets.validation.swept import complete_sweep, lacking, standing_sweep
from slora_assets_tests.deployment.conftest import SCENARIO, FinishRun
from slora_assets_tests.earned import write_sweep


@pytest.fixture
def speeds(workspace: Workspace) -> None:
    """Two presets that take fewer steps than the default."""
    told = workspace.presets.read_text()
    more = "speed:\n  fast: {steps: 8}\n  draft: {steps: 4}\n"
    workspace.presets.write_text(told.replace("speed:\n", more))


def named(workspace: Workspace) -> tuple[str, ...] | None:
    """The speed presets that requests may name."""
    presets = read_presets(workspace.presets)
    logged = checked_promotion(workspace, SCENARIO, presets.presets[SCENARIO])
    assert logged is not None
    return let_through_speeds(logged, presets)


def lacks(workspace: Workspace) -> set[tuple[float, str]] | None:
    """Strengths and speeds that the sweep did not judge, by what materializing it goes by; None
    where no sweep stands."""
    run = workspace.scenario_run(SCENARIO)
    prompts = read_validation_prompts(workspace.validation_prompts)
    standing = standing_sweep(workspace, run, prompts)
    found = standing and lacking(workspace, question_of(workspace, run, prompts), standing)
    complete = complete_sweep(workspace, run, prompts) is not None
    assert complete is (found == []), "it is a hit where nothing lacks"
    return None if found is None else {(one.scale, one.speed) for one in found}


@pytest.mark.usefixtures("speeds")
def test_a_speed_preset_is_served_where_the_gate_let_it_through_and_as_it_was_then(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="pass")
    answers = {0.85: "pass", 1.0: "pass"}
    others = {(0.85, "fast"): "pass", (0.85, "draft"): "fail"}
    write_sweep(workspace, SCENARIO, answers, best=0.85, others=others)
    done = promote(workspace, SCENARIO, "Zoë", "it passed")
    assert (done.strengths.scale, done.strengths.speeds) == (0.85, ("default", "fast"))
    assert named(workspace) == ("default", "fast")
    assert promote(workspace, SCENARIO, "Zoë", "again").change is None
    told = workspace.presets.read_text()
    workspace.presets.write_text(told.replace("{steps: 8}", "{steps: 2}"))
    assert named(workspace) == ("default",), "nobody has judged it with two steps"


@pytest.mark.usefixtures("speeds")
def test_a_speed_that_was_judged_at_another_strength_is_not_served(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="pass")
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=1.0)
    assert named(workspace) == ("default",), "nobody has judged another"
    answers, others = {0.85: "pass", 1.0: "pass"}, {(0.85, "fast"): "pass"}
    write_sweep(workspace, SCENARIO, answers, others=others)
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=1.0)
    assert named(workspace) == ("default",)
    write_sweep(workspace, SCENARIO, answers, others=others | {(1.0, "fast"): "pass"})
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=1.0)
    assert named(workspace) == ("default", "fast"), "the same preset, promoted with more"


def test_an_older_promotion_does_not_say_which_speeds(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(SCENARIO)
    change = promote(workspace, SCENARIO, "Zoë", "it passed").change
    assert change is not None
    older = change.model_copy(update={"speeds": None})
    assert let_through_speeds(older, read_presets(workspace.presets)) is None


@pytest.mark.usefixtures("speeds")
def test_a_sweep_lacks_other_speeds_at_a_strength_that_was_promoted_since(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="pass")
    answers, others = {0.85: "pass", 1.0: "pass"}, {(0.85, "fast"): "pass", (0.85, "draft"): "fail"}
    write_sweep(workspace, SCENARIO, answers, others=others)
    assert lacks(workspace) == set()
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=1.0)
    assert lacks(workspace) == {(1.0, "fast"), (1.0, "draft")}, "what was judged still holds"


@pytest.mark.usefixtures("speeds")
def test_speeds_are_let_through_at_a_strength_between_two_that_were_swept(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="pass")
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=0.9)
    assert named(workspace) == ("default",)
    assert lacks(workspace) == {(0.9, "default"), (0.9, "fast"), (0.9, "draft")}
    others = {(0.9, "fast"): "pass", (0.9, "draft"): "fail"}
    write_sweep(workspace, SCENARIO, {0.85: "pass", 0.9: "pass", 1.0: "pass"}, others=others)
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=0.9)
    preset = read_presets(workspace.presets).presets[SCENARIO]
    assert (preset.scale, preset.scale_min, preset.scale_max) == (0.9, 0.85, 1.0)
    assert named(workspace) == ("default", "fast")


def test_a_sweep_that_nobody_put_on_record_is_made_again(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="fail")
    assert lacks(workspace) == set()
    file = workspace.sweep(SCENARIO)
    file.write_text(file.read_text().replace('"fail"', '"pass"'))
    assert lacks(workspace) is None
