"""What a page says of a verdict that no longer stands, or of which nobody can tell."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import VERDICT_FILE
from slora_assets.provenance import write_json
from slora_assets.reports import run_report
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.reports.made import add_sweep, prompts_of, reported_workspace
from slora_assets_tests.reports.made_parts import RUN, TEXTS
from slora_assets_tests.reports.test_run_report import Read, read


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return reported_workspace(tmp_path)


def test_a_verdict_that_does_not_stand_is_told_as_such(workspace: Workspace) -> None:
    settings = prompts_of(workspace)
    other = ValidationPrompts.model_validate(settings.model_dump() | {"seeds": [1, 2, 3]})
    page = run_report.write_run_report(workspace, workspace.scenario_run(RUN), other)
    text = Read(page.read_text()).text
    assert "This verdict no longer stands" in text
    assert "slora promote" not in text
    assert TEXTS[0] in [*re.findall(r"<h3[^>]*>(.*?)</h3>", page.read_text())]


def test_settings_are_shown_as_they_were_when_the_verdict_was_given(workspace: Workspace) -> None:
    told = workspace.validation_prompts.read_text()
    workspace.validation_prompts.write_text(told.replace("0.015", "0.02"))
    text = read(workspace).text
    assert "gate.guards.steadiness.margin is 0.02, and was 0.015" in text
    assert "As they were when the verdict was given." in text
    assert "guards.steadiness.margin 0.015" in text
    verdict = workspace.validation(RUN) / VERDICT_FILE
    older = json.loads(verdict.read_text())
    del older["question"]
    write_json(verdict, older)
    put_run_on_record(workspace, RUN)
    assert "As they are now; the verdict may have been given with others." in read(workspace).text


def test_a_verdict_of_which_nobody_can_tell_whether_it_stands(workspace: Workspace) -> None:
    told = "Whether this verdict still stands can't be told: "
    for gone in (workspace.manifest(RUN), workspace.presets):
        gone.unlink()
        text = read(workspace).text
        assert told in text
        assert "slora promote" not in text


def test_a_verdict_that_was_edited_is_told_by_name(workspace: Workspace) -> None:
    verdict = workspace.validation(RUN) / VERDICT_FILE
    verdict.write_text(verdict.read_text() + " ")
    text = read(workspace).text
    why = "verdict.json: the file is not what its stage left"
    assert f"This verdict no longer stands: {why}. Judge again: make validate" in text
    assert "slora promote" not in text


def test_a_sweep_that_was_edited_is_not_shown(workspace: Workspace) -> None:
    add_sweep(workspace)
    assert "Strength Answer Clips" in read(workspace).text
    sweep = workspace.sweep(RUN)
    sweep.write_text(sweep.read_text().replace('"fail"', '"pass"'))
    assert "Strength Answer Clips" not in read(workspace).text


def test_settings_that_this_version_cannot_read_are_shown_as_they_are_now(
    workspace: Workspace,
) -> None:
    verdict = workspace.validation(RUN) / VERDICT_FILE
    told = json.loads(verdict.read_text())
    told["question"]["gate"]["guards"]["steadiness"]["yardstick"] = "the moon"
    told["validation_hash"] = "0" * 64
    write_json(verdict, told)
    put_run_on_record(workspace, RUN)
    text = read(workspace).text
    assert "this version can't read them: they are shown as they are now" in text
    assert "guards.steadiness.margin 0.015" in text
