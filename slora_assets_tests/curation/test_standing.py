"""Metadata that would come out the same are left alone; whatever they depend on, or whoever changes
them, has them sorted anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.workspace import Workspace
from slora_assets.curation import stage
from slora_assets.documents import ScenarioMetadata
from slora_assets.footage.inventory import take_inventory
from slora_assets_tests.folder_dataset import (
    add_clip,
    curated,
    folder_workspace,
    write_scenario,
)
from slora_assets_tests.workspaces import choose

CLIPS = {"a": ["a boat"], "b": ["a boat at night"], "held_out_c": ["a boat"]}


@pytest.fixture
def sorted_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    write_scenario(workspace, "harbour", "boat")
    curated(workspace)
    return workspace


def refreshed(workspace: Workspace) -> ScenarioMetadata:
    dataset, scenarios = read_dataset(workspace.dataset_file)
    take_inventory(dataset, workspace)
    return stage.curated(dataset, scenarios, workspace).whole()


def other_keywords(workspace: Workspace) -> None:
    write_scenario(workspace, "harbour", "night")


def another_clip(workspace: Workspace) -> None:
    add_clip(workspace.root, "d", ["a boat in the morning"], 7)


def other_captions(workspace: Workspace) -> None:
    (workspace.root / "footage/b.json").write_text(json.dumps({"captions": ["a car"]}))


def other_bytes(workspace: Workspace) -> None:
    add_clip(workspace.root, "b", CLIPS["b"], 9)


def edited_by_hand(workspace: Workspace) -> None:
    text = workspace.scenario_metadata.read_text()
    workspace.scenario_metadata.write_text(text.replace("at night", "by day"))


def report_gone(workspace: Workspace) -> None:
    workspace.curation_report.unlink()


def by_other_code(workspace: Workspace) -> None:
    note = workspace.metadata / ".last_look.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "code": "0" * 64}))
    workspace.curation_report.write_text("of another version")


def shard_changed(workspace: Workspace) -> None:
    """Of clips that stand in shards."""
    text = workspace.dataset_file.read_text()
    workspace.dataset_file.write_text(f"{text}clips_in_document: 0\n")
    curated(workspace)
    [shard] = (workspace.metadata / "clips").rglob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-1])


@pytest.mark.parametrize(
    "change",
    [
        other_keywords,
        another_clip,
        other_captions,
        other_bytes,
        edited_by_hand,
        report_gone,
        by_other_code,
        shard_changed,
    ],
)
def test_what_has_changed_is_sorted_anew(
    sorted_: Workspace, change: Callable[[Workspace], None]
) -> None:
    change(sorted_)
    found = refreshed(sorted_)
    written = {
        path: path.read_bytes() for path in (sorted_.scenario_metadata, sorted_.curation_report)
    }
    assert found == curated(sorted_)
    assert written == {path: path.read_bytes() for path in written}


def test_what_has_not_changed_is_not_sorted(
    sorted_: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = curated(sorted_)

    def sorts(*_: object) -> None:
        raise AssertionError("the metadata were sorted again")

    monkeypatch.setattr(stage, "Sorter", sorts)
    assert refreshed(sorted_) == expected
