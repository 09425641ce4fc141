"""An adapter is served at no strength that the gate did not let through."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from slora_assets.config.errors import GateError, IntegrityError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import preset_values, read_presets, write_preset
from slora_assets.deployment.promotion import demote, promote
from slora_assets.deployment.strengths import (
    Strengths,
    Tried,
    checked_promotion,
    let_through_speeds,
    strengths_for,
    tried_strengths,
)
from slora_assets.documents import Answer, ScenarioPreset
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.question import question_of
from slora_assets.validation.swept import complete_sweep, lacking, standing_sweep
from slora_assets_tests.deployment.conftest import CONFIGS
from slora_assets_tests.earned import earn, write_sweep
from slora_assets_tests.judged_runs import write_manifest

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


def tried(**answers: Answer) -> dict[float, Tried]:
    """Strengths named `s085=...`; the declared metric is best at the strongest."""
    return {
        int(name[1:]) / 100: Tried(answer, int(name[1:]) / 100) for name, answer in answers.items()
    }


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


@pytest.fixture
def sweep(workspace: Workspace, finish_run: FinishRun) -> Callable[..., str]:
    """Finish a run and sweep it; returns the adapter's hash."""
    prompts = workspace.validation_prompts
    prompts.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIGS / "training" / prompts.name, prompts)
    write_manifest(workspace, SCENARIO)

    def made(adapter: str | None = None, **answers: Answer) -> str:
        sha256 = finish_run(SCENARIO)
        scales = ", ".join(f"{scale:g}" for scale in tried(**answers))
        prompts.write_text(re.sub(r"sweep: \[.*\]", f"sweep: [{scales}]", prompts.read_text()))
        write_sweep(
            workspace,
            SCENARIO,
            {scale: one.answer for scale, one in tried(**answers).items()},
            adapter=adapter,
        )
        return sha256

    return made


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
    run = workspace.scenario_run(SCENARIO)
    prompts = read_validation_prompts(workspace.validation_prompts)
    assert complete_sweep(workspace, run, prompts) is not None
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=1.0)
    assert complete_sweep(workspace, run, prompts) is None
    standing = standing_sweep(workspace, run, prompts)
    assert standing is not None, "what was judged still holds"
    lacks = lacking(workspace, question_of(workspace, run, prompts), standing)
    assert {(one.scale, one.speed) for one in lacks} == {(1.0, "fast"), (1.0, "draft")}


@pytest.mark.usefixtures("speeds")
def test_speeds_are_let_through_at_a_strength_between_two_that_were_swept(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="pass")
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=0.9)
    assert named(workspace) == ("default",)
    run = workspace.scenario_run(SCENARIO)
    prompts = read_validation_prompts(workspace.validation_prompts)
    standing = standing_sweep(workspace, run, prompts)
    assert standing is not None
    lacks = lacking(workspace, question_of(workspace, run, prompts), standing)
    judged = {(one.scale, one.speed) for one in lacks}
    assert judged == {(0.9, "default"), (0.9, "fast"), (0.9, "draft")}
    others = {(0.9, "fast"): "pass", (0.9, "draft"): "fail"}
    write_sweep(workspace, SCENARIO, {0.85: "pass", 0.9: "pass", 1.0: "pass"}, others=others)
    promote(workspace, SCENARIO, "Zoë", "it passed", scale=0.9)
    assert reach(workspace) == (0.9, 0.85, 1.0)
    assert named(workspace) == ("default", "fast")


def test_a_sweep_that_nobody_put_on_record_is_made_again(
    workspace: Workspace, sweep: Callable[..., str]
) -> None:
    sweep(s085="pass", s100="fail")
    run = workspace.scenario_run(SCENARIO)
    prompts = read_validation_prompts(workspace.validation_prompts)
    assert complete_sweep(workspace, run, prompts) is not None
    file = workspace.sweep(SCENARIO)
    file.write_text(file.read_text().replace('"fail"', '"pass"'))
    assert complete_sweep(workspace, run, prompts) is None
