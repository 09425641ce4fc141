"""Footage is refused for cuts, stillness, likeness and wrong length, each by name and score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from slora_assets.config.data import DatasetSettings, QualitySettings, ScenariosSettings
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import ScenarioMetadata
from slora_assets.curation.readers import read_annotations
from slora_assets.curation.sorting import build_metadata
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.inventory import take_inventory
from slora_assets.provenance.stat_cache import StatCache


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
            "name": "d", "format": "folder", "annotations": [str(footage)], "licence": "l",
            "use": "u", "footage": str(footage), "quality": quality,
        }
    )  # fmt: skip
    scenarios = ScenariosSettings.model_validate(
        {"schema_version": 1, "scenarios": {"m": {"description": "d", "keywords": ["market"]}}}
    )
    workspace = Workspace(root=footage.parent, configs=footage.parent, dataset_file=footage)
    inventory = take_inventory(dataset, workspace)
    batches = read_annotations(dataset, [footage], {})
    return build_metadata(dataset, scenarios, batches, inventory, workspace)


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
    folder = tmp_path / "clips"
    write_mp4(folder / "video1.mp4", _scene(1, 50), 25)
    write_mp4(folder / "video2.mp4", _scene(2, 50), 25)
    annotations = tmp_path / "videodatainfo.json"
    videos = [
        {"video_id": "video1", "url": "u1", "start time": 10.0, "end time": 12.3},
        {"video_id": "video2", "url": "u2", "start time": 10.0, "end time": 21.0},
    ]
    sentences = [{"video_id": video["video_id"], "caption": "a market"} for video in videos]
    annotations.write_text(json.dumps({"videos": videos, "sentences": sentences}))
    dataset = DatasetSettings.model_validate(
        {
            "name": "d", "format": "msrvtt", "annotations": [str(annotations)], "licence": "l",
            "use": "u", "footage": str(folder),
        }
    )  # fmt: skip
    scenarios = ScenariosSettings.model_validate(
        {"schema_version": 1, "scenarios": {"m": {"description": "d", "keywords": ["market"]}}}
    )
    workspace = Workspace(root=tmp_path, configs=tmp_path, dataset_file=annotations)
    inventory = take_inventory(dataset, workspace)
    batches = read_annotations(dataset, [annotations], {})
    metadata = build_metadata(dataset, scenarios, batches, inventory, workspace)
    assert [clip.id for clip in metadata.clips] == ["video1"]
    assert [(r.id, r.reason) for r in metadata.rejects] == [("video2", "duration_mismatch")]
    assert "2 s, annotated as 11 s" in metadata.rejects[0].detail


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
