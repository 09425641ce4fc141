"""Which files are footage, what is known of them without looking twice, and which aren't usable."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.dataset_files import VIDEO_SUFFIXES
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.sorting import build_metadata
from slora_assets.documents import Inventory, ScenarioMetadata
from slora_assets.footage import inventory as module
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.inventory import take_inventory
from slora_assets.footage.quarantine import read_quarantine

MARKET = ScenariosSettings.model_validate(
    {"schema_version": 1, "scenarios": {"m": {"description": "d", "keywords": ["market"]}}}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clips"


def _clip(path: Path, grey: int = 0, side: int = 64) -> Path:
    """A video whose name may have any ending, with a caption beside it."""
    write_mp4(path.with_name("made.mp4"), np.full((9, side, side, 3), grey, np.uint8), 8)
    path.with_name("made.mp4").rename(path)
    path.with_suffix(".txt").write_text("a market")
    return path


def _dataset(folder: Path, **more: object) -> DatasetSettings:
    settings = {
        "name": "d",
        "format": "folder",
        "annotations": [str(folder)],
        "licence": "l",
        "use": "u",
        "footage": str(folder),
        "max_reject_share": 1.0,
    }
    return DatasetSettings.model_validate(settings | more)


def _workspace(folder: Path) -> Workspace:
    return Workspace(root=folder.parent, configs=folder.parent, dataset_file=folder)


def _inventory(folder: Path, **more: object) -> Inventory:
    return take_inventory(_dataset(folder, **more), _workspace(folder))


def _curated(folder: Path) -> ScenarioMetadata:
    inventory, batches = _inventory(folder), read_annotations(_dataset(folder), [folder], {})
    return build_metadata(_dataset(folder), MARKET, batches, inventory, _workspace(folder))


def _reasons(inventory: Inventory) -> dict[str, str]:
    return {one.clip_id: one.reason for one in inventory.rejects}


@pytest.mark.parametrize("ending", sorted({*VIDEO_SUFFIXES, ".MP4"}))
def test_files_are_found_whatever_ending_their_container_has(folder: Path, ending: str) -> None:
    _clip(folder / f"one{ending}")
    assert [clip.path for clip in _curated(folder).clips] == [f"clips/one{ending}"]


@pytest.mark.parametrize("ending", ["rmvb", "mxf", "xyz", "mp4.part", "jpg"])
def test_a_clip_whose_file_has_an_unknown_ending_is_not_called_missing(
    folder: Path, ending: str
) -> None:
    _clip(folder / "one.mp4")
    file = folder / f"two.{ending}"
    shutil.copy(folder / "one.mp4", file)
    (folder / f"{file.stem}.txt").write_text("a market")
    metadata = _curated(folder)
    assert [clip.id for clip in metadata.clips] == ["one"]
    assert [(r.id, r.reason, r.detail) for r in metadata.rejects] == [
        ("two", "unknown_ending", file.name)
    ]
    assert metadata.reject_counts == {"unknown_ending": 1}
    assert metadata.scenarios["m"].unusable == 1


def test_files_beside_clips_are_no_clips_and_change_no_hash(folder: Path) -> None:
    _clip(folder / "one.mp4")
    before = _inventory(folder).model_dump(mode="json")
    for name in ("one.jpg", "one.srt", "one.gif", "one.ogg", ".one.mp4", "._one.mp4", "._two.mp4"):
        (folder / name).write_bytes(b"no video")
    (folder / "three.mp4").mkdir()
    (folder / "here.mp4").symlink_to("there.mp4")
    (folder / "there.mp4").symlink_to("here.mp4")
    (folder / "gone.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert _inventory(folder).model_dump(mode="json") == before


def test_two_videos_of_one_clip_are_told_from_a_video_and_its_preview(folder: Path) -> None:
    _clip(folder / "one.gif")
    assert _inventory(folder).files["one"].path == "clips/one.gif"
    _clip(folder / "one.mp4")
    assert _inventory(folder).files["one"].path == "clips/one.mp4"
    _clip(folder / "one.mkv")
    with pytest.raises(CurationError, match="two files hold one clip"):
        _inventory(folder)


def test_a_file_whose_name_is_no_text_costs_itself_only(folder: Path) -> None:
    _clip(folder / "one.mp4")
    shutil.copy(folder / "one.mp4", os.fsencode(folder) + b"/caf\xe9.mp4")
    found = _inventory(folder)
    assert list(found.files) == ["one"]
    assert _reasons(found) == {r"caf\xe9": "bad_name"}
    assert list(_inventory(folder).files) == ["one"]


def test_videos_of_a_pixel_are_refused_by_their_size(folder: Path) -> None:
    _clip(folder / "one.mp4", side=64)
    _clip(folder / "tiny.mp4", side=2)
    found = _inventory(folder)
    assert _reasons(found) == {"tiny": "too_small"}
    assert "2x2 pixels, at least 16" in found.rejects[0].detail
    assert _reasons(_inventory(folder, min_side_px=1)) == {}
    assert _reasons(_inventory(folder, min_side_px=65)) == {"one": "too_small", "tiny": "too_small"}
    assert [one.clip_id for one in read_quarantine(_workspace(folder).quarantine).entries] == [
        "one",
        "tiny",
    ]


def test_annotation_files_of_one_name_have_a_hash_each(folder: Path) -> None:
    _clip(folder / "one.mp4")
    files = []
    for name in ("a", "b"):
        file = folder.parent / name / "captions.json"
        file.parent.mkdir()
        file.write_text(f'[{{"clip": "one", "caption": "a market {name}"}}]')
        files.append(str(file))
    settings = {"format": "captioned_clips", "annotations": files}
    before = _inventory(folder, **settings).annotations
    assert before.keys() == {"a/captions.json", "b/captions.json"}
    Path(files[0]).write_text('[{"clip": "one", "caption": "a bazaar"}]')
    after = _inventory(folder, **settings).annotations
    assert {name for name in before if before[name] != after[name]} == {"a/captions.json"}
    only = {**settings, "annotations": files[:1]}
    assert _inventory(folder, **only).annotations.keys() == {"captions.json"}


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are examined from now on."""
    seen: list[str] = []
    isolated = module.isolated

    def told(function: Callable[..., Any], tasks: Any) -> Any:
        tasks = list(tasks)
        seen.extend(task.file.name for task in tasks)
        return isolated(function, tasks)

    monkeypatch.setattr(module, "isolated", told)
    return seen


def test_a_renamed_file_is_not_examined_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _clip(folder / "one.mp4")
    (folder / "broken.mp4").write_bytes(b"no video")
    known, seen = _inventory(folder), _counting(monkeypatch)
    before.rename(folder / "two.mp4")
    (folder / "broken.mp4").rename(folder / "other.mp4")
    found = _inventory(folder)
    assert seen == []
    assert found.files["two"] == known.files["one"].model_copy(update={"path": "clips/two.mp4"})
    assert _reasons(found) == {"other": "corrupt"}
    _clip(folder / "three.mp4", grey=200)
    assert list(_inventory(folder).files) == ["three", "two"]
    assert seen == ["three.mp4"]


def _killed(*_: object) -> None:
    """An examination during which the machine ran out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_once_ended_the_decoder_is_examined_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clip(folder / "one.mp4")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_examine", _killed)
        assert _reasons(_inventory(folder)) == {"one": "crash"}
    assert _reasons(_inventory(folder)) == {}
    assert read_quarantine(_workspace(folder).quarantine).entries == ()


def test_a_file_that_another_decoder_refused_is_examined_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clip(folder / "one.mp4")
    (folder / "two.mp4").write_bytes(b"no video")
    _inventory(folder)
    seen = _counting(monkeypatch)
    _inventory(folder)
    assert seen == []
    monkeypatch.setattr(module, "decoder", lambda: "the next one")
    _inventory(folder)
    assert seen == ["two.mp4"]
