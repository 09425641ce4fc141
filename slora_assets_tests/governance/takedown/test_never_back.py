"""A clip that was taken down stays out, whatever it is called, wherever it is said to be from, and
however it is encoded; others stay in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import current_manifest, write_manifest
from slora_assets.documents import RUN_RECORD
from slora_assets.governance.takedown import stage
from slora_assets.governance.takedown.stage import take_down
from slora_assets.provenance import sha256_bytes, write_json
from slora_assets.provenance.takedowns import read_takedowns
from slora_assets_tests.governance.takedown.harbour import (
    CAPTIONS,
    VIDEO,
    add,
    copied,
    harbour,
    ids,
    picture,
    rejected,
    say,
    sort,
)
from slora_assets_tests.made_runs import run_record
from slora_assets_tests.on_record import take_takedowns_back

OTHERS = CAPTIONS.keys() - {"boat"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    with pytest.MonkeyPatch.context() as patch:
        return harbour(tmp_path_factory.mktemp("harbour"), patch)


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return copied(made, tmp_path / "copy", monkeypatch)


def take(workspace: Workspace, what: str, **more: bool) -> None:
    take_down(workspace, what, "Ada", "its owner asks", **more)


@pytest.mark.parametrize(
    "named", ["boat", "boat.mp4", "footage/boat.mp4", VIDEO, "youtu.be/quayside01?t=9"]
)
def test_a_clip_goes_by_its_name_its_file_or_any_spelling_of_its_source(
    workspace: Workspace, named: str
) -> None:
    take(workspace, named)
    metadata = sort(workspace)
    assert {clip.id for clip in metadata.clips} == OTHERS
    assert metadata.reject_counts["taken_down"] == 1
    (reject,) = metadata.rejects
    assert (reject.id, reject.reason) == ("boat", "taken_down")
    assert "Ada" in reject.detail and "its owner asks" in reject.detail
    assert metadata.scenarios["harbour"].unusable == 0


def test_what_is_left_is_sorted_as_if_the_clip_had_never_been(
    workspace: Workspace, tmp_path: Path
) -> None:
    take(workspace, "boat")
    without = sort(workspace)
    for file in (workspace.root / "footage").glob("boat.*"):
        file.unlink()
    take_takedowns_back(workspace)
    never = sort(workspace)
    assert without.clips == never.clips
    assert without.dataset_hash == never.dataset_hash
    assert without.scenarios == never.scenarios


def test_the_same_bytes_and_near_duplicates_stay_out_under_other_names(
    workspace: Workspace,
) -> None:
    take(workspace, "boat")
    footage = workspace.root / "footage"
    shutil.copy(footage / "boat.mp4", footage / "copied.mp4")
    (footage / "copied.json").write_text('{"captions": ["the harbour"], "split": "train"}')
    add(workspace.root, "smaller", "the harbour", picture(0, 48, 32), crf=34)
    add(workspace.root, "another", "the harbour", picture(77))
    assert ids(workspace) == {*OTHERS, "another"}
    found = rejected(workspace)
    assert found.keys() == {"boat", "copied", "smaller"}
    assert "same bytes as boat" in found["copied"]
    assert "near-duplicate of boat" in found["smaller"]


def test_copies_that_are_there_go_with_it(workspace: Workspace) -> None:
    add(workspace.root, "smaller", "the harbour", picture(0, 48, 32), crf=34)
    take(workspace, "boat")
    (entry,) = read_takedowns(workspace)
    assert {clip.id for clip in entry.clips} == {"boat", "smaller"}


@pytest.mark.parametrize(
    "spelling",
    ["https://youtu.be/quayside01", "http://youtube.com/watch?v=quayside01&t=7s", f"  {VIDEO} "],
)
def test_a_clip_of_the_same_source_comes_back_under_no_spelling(
    workspace: Workspace, spelling: str
) -> None:
    take(workspace, "boat")
    add(workspace.root, "again", "the harbour", picture(78), source=spelling)
    assert ids(workspace) == OTHERS


def test_clips_of_pictures_of_one_colour_are_not_alike(workspace: Workspace) -> None:
    for number, name in enumerate(("night", "fog", "smoke")):
        add(workspace.root, name, "the harbour", picture(0) * 0 + 40 * number)
    take(workspace, "night")
    assert ids(workspace) == {*CAPTIONS, "fog", "smoke"}


def test_known_clips_of_one_source_stay_and_go_with_the_source(workspace: Workspace) -> None:
    say(workspace, "ferry", source=f"{VIDEO}&t=90")
    take(workspace, "boat")
    assert ids(workspace) == OTHERS
    take(workspace, "https://youtu.be/quayside01")
    assert ids(workspace) == OTHERS - {"ferry"}


def test_a_source_is_refused_ahead_of_its_footage(workspace: Workspace) -> None:
    with pytest.raises(CurationError, match="no clip, no file of one and no source"):
        take(workspace, "https://youtu.be/lighthouse")
    assert not workspace.takedowns.exists()
    take(workspace, "https://youtu.be/lighthouse", ahead=True)
    add(
        workspace.root,
        "tower",
        "the harbour",
        picture(79),
        source="https://m.youtube.com/watch?v=lighthouse",
    )
    assert ids(workspace) == set(CAPTIONS)
    assert rejected(workspace).keys() == {"tower"}


def test_a_broken_file_of_it_spends_no_share_of_rejects(workspace: Workspace) -> None:
    with workspace.dataset_file.open("a") as stream:
        stream.write("max_reject_share: 0\n")
    take(workspace, "boat")
    (workspace.root / "footage" / "boat.mp4").write_bytes(b"")
    assert ids(workspace) == OTHERS
    (workspace.root / "footage" / "ferry.mp4").write_bytes(b"")
    with pytest.raises(CurationError, match="1 of 6 files can't be used"):
        ids(workspace)


def test_manifests_older_than_a_takedown_are_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_curate", lambda *_: "it was stopped before")
    take(workspace, "boat")
    with pytest.raises(CurationError, match="older than a takedown of boat"):
        current_manifest(workspace, "harbour")
    with pytest.raises(CurationError, match="older than a takedown of boat"):
        write_manifest(workspace, "harbour")
    assert current_manifest(workspace, "beach").clips


def test_a_clip_that_only_a_run_remembers_is_taken_down_by_its_name_and_its_source(
    workspace: Workspace,
) -> None:
    seen = {"id": "barge", "sha256": "b" * 64, "scenario": "harbour", "split": "train"}
    told = {"source": "https://youtu.be/bargesonly", "prompts": ["a barge"]}
    record = run_record("harbour", "c" * 64) | {"dataset": "harbours", "clips": [seen | told]}
    write_json(workspace.scenario_run("harbour") / RUN_RECORD, record)
    for named in ("barge", "https://www.youtube.com/watch?v=bargesonly"):
        take(workspace, named)
        entry = read_takedowns(workspace)[-1]
        assert [(clip.id, clip.sha256) for clip in entry.clips][-1] == ("barge", "b" * 64)
        assert entry.prompts == [sha256_bytes(b"a barge")]
        assert entry.adapters == ["c" * 64]


def test_a_second_takedown_of_the_same_adds_nothing(workspace: Workspace) -> None:
    take(workspace, "boat")
    before = workspace.takedowns.read_bytes()
    take(workspace, "boat")
    take(workspace, "boat.mp4", delete_footage=True)
    take(workspace, "boat")
    assert workspace.takedowns.read_bytes() == before


@pytest.mark.parametrize("blank", ["by", "reason"])
def test_a_takedown_is_signed_and_has_a_reason(workspace: Workspace, blank: str) -> None:
    signed = {"by": "Ada", "reason": "its owner asks"} | {blank: " \n"}
    with pytest.raises(CurationError, match="signed and has a reason"):
        take_down(workspace, "boat", **signed)
