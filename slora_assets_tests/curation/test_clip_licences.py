"""Clips under a licence of their own: listed beside the annotations, kept with the clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ScenarioMetadata
from slora_assets.footage.listing import listing_hash
from slora_assets_tests.folder_dataset import HELD_OUT, curated, folder_workspace
from slora_assets_tests.workspaces import choose

PIER = """\
description: a pier
keywords: [boat]
min_matching_captions: 1
min_train_clips: 1
"""
CLIPS = {"a": ["a boat"], "b": ["a boat again"], f"{HELD_OUT}_c": ["one more boat"]}


@pytest.fixture
def seas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = choose(folder_workspace(tmp_path, CLIPS), monkeypatch)
    folder = workspace.dataset_file.parent / "seas"
    folder.mkdir()
    (folder / "pier.yaml").write_text(PIER)
    return workspace


def _listed(workspace: Workspace, table: str) -> ScenarioMetadata:
    (workspace.root / "licences.csv").write_text(table)
    said = workspace.dataset_file.read_text()
    if "clip_licences" not in said:
        workspace.dataset_file.write_text(f"{said}clip_licences: [licences.csv]\n")
    return curated(workspace)


def test_listed_clips_have_their_licence_and_others_the_datasets(seas: Workspace) -> None:
    before = curated(seas)
    assert all("licence" not in one.model_dump() for one in before.clips)
    after = _listed(seas, "video_id,licence,by\nb.mp4,CC-BY-NC-4.0,Zoë\nelsewhere,MIT,\n")
    assert {one.id: one.licence for one in after.clips} == {
        "a": None,
        "b": "CC-BY-NC-4.0",
        f"{HELD_OUT}_c": None,
    }
    assert after.dataset_hash == before.dataset_hash, "a licence teaches a model nothing"
    assert "licences.csv" in after.dataset.annotations


def test_a_list_that_changed_is_looked_at_again(seas: Workspace) -> None:
    _listed(seas, "video_id,licence\nb,MIT\n")
    dataset, _ = read_dataset(seas.dataset_file)
    before = listing_hash(dataset, seas)
    (seas.root / "licences.csv").write_text("video_id,licence\nb,CC-BY-4.0\n")
    assert listing_hash(dataset, seas) != before


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ("video_id\nb\n", IntegrityError, "no column 'licence'"),
        ("", IntegrityError, "no column 'video_id'"),
        ("video_id,licence\nb\n", IntegrityError, "expected the licence of b"),
        ("video_id,licence\nb,\n", IntegrityError, "expected the licence of b"),
        ("video_id,licence\n,MIT\n", IntegrityError, "video_id|licence"),
        ("video_id,licence\nb,MIT\nb,CC0-1.0\n", ConfigError, "two licences"),
    ],
)
def test_a_list_that_cannot_be_read_stops_curation(
    seas: Workspace, table: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        _listed(seas, table)


def test_a_list_that_is_not_there_stops_curation(seas: Workspace) -> None:
    said = seas.dataset_file.read_text()
    seas.dataset_file.write_text(f"{said}clip_licences: [licences.csv]\n")
    with pytest.raises(MissingInputError, match="clip_licences"):
        curated(seas)
