"""Only samples that a run's verdict rests on are shown."""

from __future__ import annotations

import shutil

import pytest

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.report import preference_report
from slora_assets.validation.preferences.samples import chosen_runs, sample_pairs
from slora_assets_tests.api.compare.sitting import PROMPTS, opened, press, see
from slora_assets_tests.api.refused import refused
from slora_assets_tests.judged_runs import validate, write_prompts


def test_choices_on_other_weights_are_stale_and_asked_again(workspace: Workspace) -> None:
    with opened(workspace, "harbour") as client:
        press(client, see(client))
        validate(workspace, "harbour", b"other weights")
        for answer in (
            client.get(see(client)["pair"]["left"]),
            client.post(
                "/choices",
                data={"person": "Ada", "pair": see(client)["pair"]["id"], "pressed": "left"},
            ),
        ):
            assert "made again" in refused(answer, 409)["detail"]
    with opened(workspace, "harbour") as client:
        assert see(client)["done"] == 0
    report = preference_report(workspace, "harbour")
    assert "Nobody has chosen" in report and "1 choice on samples of before" in report


def test_a_run_whose_prompts_have_changed_is_not_shown(workspace: Workspace) -> None:
    first, *others = PROMPTS["beach"]
    write_prompts(workspace, PROMPTS | {"beach": [first, "something else", *others[1:]]})
    with pytest.raises(IntegrityError, match="make validate"):
        sample_pairs(workspace, "beach")


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_that_was_held_against_another_s_prompts_of_before_is_not_shown(
    workspace: Workspace, number: int
) -> None:
    beach = list(PROMPTS["beach"])
    beach[number] = "something else"
    write_prompts(workspace, PROMPTS | {"beach": beach})
    with pytest.raises(IntegrityError, match="make validate"):
        sample_pairs(workspace, "harbour")


def test_a_run_without_its_clips_is_not_shown(workspace: Workspace) -> None:
    next((workspace.validation("beach") / "samples" / "adapter").iterdir()).unlink()
    with pytest.raises(IntegrityError, match=r"no file.*make validate"):
        sample_pairs(workspace, "beach")


def test_an_unknown_run_is_refused_with_those_that_there_are(workspace: Workspace) -> None:
    assert chosen_runs(workspace, None) == ["beach", "harbour"]
    with pytest.raises(MissingInputError, match=r"beach.*harbour"):
        chosen_runs(workspace, "../harbour")
    shutil.rmtree(workspace.outputs)
    with pytest.raises(MissingInputError, match="no run has a verdict"):
        chosen_runs(workspace, None)
