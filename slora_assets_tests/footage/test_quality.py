"""Footage is refused for cuts, stillness, likeness and wrong length, each by name and score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from slora_assets.config.data import DatasetSettings, QualitySettings, ScenariosSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.sorting import build_metadata
from slora_assets.documents import ScenarioMetadata
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.inventory import take_inventory
from slora_assets.provenance import StatCache

MARKET = ScenariosSettings.model_validate(
    {"schema_version": 1, "scenarios": {"m": {"description": "d", "keywords": ["market"]}}}
)


def _scene(seed: int, frames: int, moving: bool = True) -> np.ndarray:
    """A textured picture that slides to the right, or stands."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 255, (8, 24, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return np.stack([np.roll(blocks, n * moving, axis=1)[:, :96] for n in range(frames)])


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    clips = {
        "cut": np.concatenate([_scene(1, 25), _scene(2, 25)]),
        "moving": _scene(3, 50),
        "still": _scene(4, 50, moving=False),
        "twin": _scene(3, 50),
    }
    folder = tmp_path / "clips"
    for name, frames in clips.items():
        write_mp4(folder / f"{name}.mp4", frames, 25)
        (folder / f"{name}.json").write_text(json.dumps({"caption": "a market"}))
    return folder


def _curated(footage: Path, **quality: object) -> ScenarioMetadata:
    dataset = DatasetSettings.model_validate(
        {
            "name": "d",
            "format": "folder",
            "annotations": [str(footage)],
            "licence": "l",
            "use": "u",
            "footage": str(footage),
            "quality": quality,
        }
    )
    workspace = Workspace(root=footage.parent, configs=footage.parent, dataset_file=footage)
    inventory = take_inventory(dataset, workspace)
    batches = read_annotations(dataset, [footage], {})
    return build_metadata(dataset, MARKET, batches, inventory, workspace)


@pytest.mark.parametrize(
    ("quality", "refused"),
    [
        ({}, {}),
        ({"max_cuts": 0}, {"cut": "cuts_inside"}),
        ({"min_motion": 0.02}, {"still": "too_little_motion"}),
        ({"near_duplicate_bits": 4}, {"twin": "near_duplicate"}),
    ],
)
def test_each_filter_refuses_its_clip_and_no_other(
    footage: Path, quality: dict[str, object], refused: dict[str, str]
) -> None:
    metadata = _curated(footage, **quality)
    assert {reject.id: reject.reason for reject in metadata.rejects} == refused
    assert {clip.id for clip in metadata.clips} == {"cut", "moving", "still", "twin"} - set(refused)
    assert metadata.reject_counts == dict.fromkeys(refused.values(), 1)
    assert all(any(c.isdigit() for c in reject.detail) for reject in metadata.rejects)


def test_nothing_is_measured_unless_asked() -> None:
    assert not QualitySettings().wanted
    assert QualitySettings(max_cuts=3).wanted


def test_a_file_of_another_length_than_annotated_is_no_clip_of_it(tmp_path: Path) -> None:
    write_mp4(tmp_path / "clips" / "video1.mp4", _scene(1, 50), 25)
    write_mp4(tmp_path / "clips" / "video2.mp4", _scene(2, 50), 25)
    metadata = _msrvtt(tmp_path, {"video1": (10.0, 12.3), "video2": (10.0, 21.0)})
    assert [clip.id for clip in metadata.clips] == ["video1"]
    assert [(r.id, r.reason) for r in metadata.rejects] == [("video2", "duration_mismatch")]
    assert "2 s, annotated as 11 s" in metadata.rejects[0].detail


def test_clips_can_be_cut_out_of_whole_source_videos(tmp_path: Path) -> None:
    """Both clips lie in one file, named by the source video's id."""
    write_mp4(tmp_path / "clips" / "abcDEF12345.mp4", _scene(1, 100), 25)
    clips = _msrvtt(
        tmp_path, {"video1": (0.0, 2.0), "video2": (2.0, 3.5)}, footage_holds="sources"
    ).clips
    assert [(clip.id, clip.start_s, clip.end_s) for clip in clips] == [
        ("video1", 0.0, 2.0),
        ("video2", 2.0, 3.5),
    ]
    assert {clip.path for clip in clips} == {"clips/abcDEF12345.mp4"}
    assert clips[0].identity() != clips[1].identity() | {"id": "video1"}


def test_parts_of_one_file_are_no_doubles_and_a_second_upload_of_it_is(tmp_path: Path) -> None:
    """All four clips lie in files that begin with the same picture."""
    for name in ("abcDEF12345", "secondTime1"):
        write_mp4(tmp_path / "clips" / f"{name}.mp4", _scene(1, 100), 25)
    metadata = _msrvtt(
        tmp_path,
        {"video1": (0.0, 2.0), "video2": (2.0, 4.0), "again2": (2.0, 4.0)},
        {"again2": "secondTime1"},
        footage_holds="sources",
        quality={"near_duplicate_bits": 4},
    )
    assert [clip.id for clip in metadata.clips] == ["video1", "video2"]
    assert [(r.id, r.reason, r.detail) for r in metadata.rejects] == [
        ("again2", "near_duplicate", "of video2, 0 bits")
    ]


def _msrvtt(
    root: Path,
    places: dict[str, tuple[float, float]],
    sources: dict[str, str] | None = None,
    **more: object,
) -> ScenarioMetadata:
    """Clips at these seconds of one source, or of their own, all of one scenario."""
    annotations = root / "videodatainfo.json"
    address, own = "https://www.youtube.com/watch?v=", sources or {}
    videos = [
        {
            "video_id": name,
            "url": address + own.get(name, "abcDEF12345"),
            "start time": start,
            "end time": end,
        }
        for name, (start, end) in places.items()
    ]
    sentences = [{"video_id": name, "caption": "a market"} for name in places]
    annotations.write_text(json.dumps({"videos": videos, "sentences": sentences}))
    dataset = DatasetSettings.model_validate(
        {
            "name": "d",
            "format": "msrvtt",
            "annotations": [str(annotations)],
            "licence": "l",
            "use": "u",
            "footage": str(root / "clips"),
            **more,
        }
    )
    workspace = Workspace(root=root, configs=root, dataset_file=annotations)
    inventory = take_inventory(dataset, workspace)
    batches = read_annotations(dataset, [annotations], {})
    return build_metadata(dataset, MARKET, batches, inventory, workspace)


def test_what_is_known_of_a_file_holds_until_it_changes(tmp_path: Path) -> None:
    file, store = tmp_path / "clip", tmp_path / "cache.json"
    file.write_bytes(b"one")
    cache = StatCache(store)
    assert cache.get(file, "k") is None
    cache.put(file, "k", {"sha256": "a"})
    cache.save()
    assert StatCache(store).get(file, "k") == {"sha256": "a"}
    file.write_bytes(b"other")
    assert StatCache(store).get(file, "k") is None
    store.write_text("torn")
    assert StatCache(store).get(file, "k") is None
