"""Promotion judges again: nothing is served that the verdict's own measurements don't let through
under the settings in force."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.errors import GateError, IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import promote
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import contents, rewrite

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


def _edit(workspace: Workspace, change: Callable[[Any], Any], name: str = "verdict.json") -> None:
    """As somebody would who can write the ledger too."""
    rewrite(workspace.validation(SCENARIO) / name, change)
    put_run_on_record(workspace, SCENARIO)


def test_a_verdict_that_its_own_scores_do_not_give_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(verdict="fail")
    _edit(workspace, lambda document: document["verdict"].update(verdict="pass"))
    before = contents(workspace.root)
    with pytest.raises(GateError, match="not what its own scores give") as caught:
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert caught.value.found == "pass"
    assert str(caught.value.expected).startswith("fail: The adapter froze clips")
    assert contents(workspace.root) == before


@pytest.mark.parametrize("trusted", [True, False])
def test_an_inconclusive_that_was_edited_to_pass_is_refused(
    workspace: Workspace, finish_run: FinishRun, trusted: bool
) -> None:
    finish_run(verdict="inconclusive", trusted=trusted)
    _edit(workspace, lambda document: document["verdict"].update(verdict="pass"))
    _edit(workspace, lambda document: document.update(scores_trusted=True))
    _edit(workspace, lambda document: document["base"].update(trained=trusted))
    with pytest.raises(GateError, match="not what its own scores give"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


@pytest.mark.parametrize(
    "change",
    [
        lambda pairs: pairs["pairs"].pop(),
        lambda pairs: pairs["pairs"].append(pairs["pairs"][0]),
        lambda pairs: pairs["pairs"][0].update(prompt_id="kitchen_00"),
    ],
)
def test_measurements_of_other_prompts_than_were_asked_are_refused(
    workspace: Workspace, finish_run: FinishRun, change: Callable[[Any], object]
) -> None:
    finish_run()
    _edit(workspace, change, "pairs.json")
    with pytest.raises(GateError, match="not those of the prompts that were asked"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


def test_a_verdict_that_tells_another_question_than_it_answers_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _edit(workspace, lambda document: document["question"]["gate"].update(confidence=0.99))
    with pytest.raises(GateError, match="does not say what it was asked") as caught:
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert caught.value.found == "gate.confidence is 0.95, and was 0.99"
    finish_run()
    _edit(workspace, lambda document: document["question"].update(run="0" * 64))
    with pytest.raises(GateError, match="does not say what it was asked"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


def test_nothing_is_let_through_by_the_clips_before_sampling_was_given_up(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    _edit(workspace, lambda document: document["verdict"].update(given_up=True, reasons=[]))
    _edit(workspace, lambda found: found["pairs"].pop(), "pairs.json")
    with pytest.raises(GateError, match="not what its own scores give"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


def test_without_its_measurements_a_verdict_counts_for_nothing(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    (workspace.validation(SCENARIO) / "pairs.json").unlink()
    with pytest.raises(IntegrityError, match=r"no file.*make validate"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    put_run_on_record(workspace, SCENARIO)
    with pytest.raises(MissingInputError, match="make validate"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


@pytest.mark.parametrize("name", ["verdict.json", "pairs.json"])
def test_what_was_changed_since_its_stage_left_it_is_refused_by_name(
    workspace: Workspace, finish_run: FinishRun, name: str
) -> None:
    finish_run()
    file = workspace.validation(SCENARIO) / name
    file.write_text(file.read_text() + " ")
    with pytest.raises(IntegrityError, match="not what its stage left") as caught:
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert caught.value.file == file


def test_an_older_verdict_that_is_put_back_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    """As it was, with its measurements: nothing in it is wrong but its age."""
    finish_run()
    folder = workspace.validation(SCENARIO)
    shutil.copytree(folder, workspace.root / "kept")
    finish_run(verdict="fail")
    shutil.rmtree(folder)
    shutil.copytree(workspace.root / "kept", folder)
    with pytest.raises(IntegrityError, match="not what its stage left"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


def test_what_no_stage_put_on_record_is_not_promoted(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    workspace.ledger.unlink()
    with pytest.raises(IntegrityError, match="the ledger was cut"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    workspace.ledger.with_name("ledger.head.json").unlink()
    with pytest.raises(IntegrityError, match="no stage put this file on record"):
        promote(workspace, SCENARIO, "Zoë", "looks right")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("validation_prompts", "seeds: [", "seeds: [77, "),
        ("validation_prompts", "min_clips: 32", "min_clips: 31"),
        ("presets", "steps: null", "steps: 3"),
    ],
)
@pytest.mark.parametrize("answer", ["pass", "fail", "inconclusive"])
def test_a_verdict_under_other_settings_is_refused_whatever_it_says(
    workspace: Workspace, finish_run: FinishRun, file: str, old: str, new: str, answer: str
) -> None:
    finish_run(verdict=answer)
    path: Path = getattr(workspace, file)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(GateError, match="other settings than those in force") as caught:
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert caught.value.remedy == "run `make validate`"
    assert read_presets(workspace.presets).presets[SCENARIO].sha256 is None
