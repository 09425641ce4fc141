"""`slora prompts`: what a person types, sees, and finds on the disk afterwards."""

from __future__ import annotations

import pytest

from slora_assets.config.workspace import Workspace
from slora_assets_tests.cli.conftest import Slora
from slora_assets_tests.folder_dataset import HELD_OUT, write_scenario
from slora_assets_tests.workspaces import contents


@pytest.fixture
def sorted_seas(seas: Workspace, slora: Slora) -> Workspace:
    """A harbour with a clip held out, sorted."""
    write_scenario(seas, "harbour", "boat", "ship")
    assert slora("curate").status == 0
    return seas


def test_prompts_are_written_once_shown_and_kept_from_being_lost(
    sorted_seas: Workspace, slora: Slora
) -> None:
    before, file = contents(sorted_seas.root), sorted_seas.validation_prompts
    dry = slora("prompts", "write", "harbour", "--dry-run")
    assert (dry.status, contents(sorted_seas.root)) == (0, before)
    done = slora("prompts", "write", "harbour")
    after = contents(sorted_seas.root)
    assert {path for path in after if after[path] != before.get(path)} == {file}
    entry = f"    prompts:\n      - {{text: a boat, subject: {HELD_OUT}_c}}\n"
    assert entry in file.read_text()
    assert dry.out == done.out.replace(f"{file}:", f"{file} (not written):")
    assert "1 prompt out of captions of 1 held-out clip, of 1 source; a pass needs 32" in done.out
    assert "31 are missing" in done.out and "hold out more clips" in done.out
    assert slora("prompts", "write", "harbour").status == 0
    assert contents(sorted_seas.root) == after

    file.write_text(file.read_text().replace("text: a boat,", "text: a boat at dawn,"))
    edited = contents(sorted_seas.root)
    refused = slora("prompts", "write", "harbour")
    assert refused.status == 1 and "by a person" in refused.err and "--replace" in refused.err
    assert contents(sorted_seas.root) == edited
    shown = slora("prompts", "show", "harbour").out
    assert f"  harbour_00  a boat at dawn  (subject {HELD_OUT}_c)" in shown.splitlines()
    assert "1 prompt, 1 of them distinct, 1 subject, no motions, no templates; a pass" in shown
    assert slora("prompts", "write", "harbour", "--replace").status == 0
    assert contents(sorted_seas.root) == after


def test_prompts_that_nobody_wrote_are_shown_too(sorted_seas: Workspace, slora: Slora) -> None:
    before = contents(sorted_seas.root)
    shown = slora("prompts", "show", "harbour").out
    assert "prompts of its validation clips" in shown and "harbour_00  a boat" in shown
    assert "31 prompts are missing for a pass, which needs 32" in shown
    assert contents(sorted_seas.root) == before


def test_prompts_of_what_isn_t_sorted_or_known_are_refused(seas: Workspace, slora: Slora) -> None:
    write_scenario(seas, "harbour", "boat")
    assert "make data" in slora("prompts", "write", "harbour").err
    assert "make data" in slora("prompts", "show", "harbour").err
    assert slora("curate").status == 0
    write_scenario(seas, "beach", "beach")
    assert "before there was a scenario beach" in slora("prompts", "write", "beach").err
    assert slora("curate").status == 0
    assert "no prompt" in slora("prompts", "write", "beach").err
    assert "one of" in slora("prompts", "write", "pier").err
    assert slora("scenario", "retire", "beach", "--reason", "tide").status == 0
    assert "retired: tide" in slora("prompts", "write", "beach").err
