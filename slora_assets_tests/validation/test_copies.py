"""A validation tells samples that repeat a clip which was trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import Clip, Geometry, NearestTrainingClip, RunRecord, TrainedClip
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import sha256_file
from slora_assets.validation.copies import nearest_training_clips
from slora_assets.validation.metrics.temporal_consistency import measure_temporal
from slora_assets.validation.sampling import Sample
from slora_assets_tests.caches.made import clip
from slora_assets_tests.made_runs import run_record
from slora_assets_tests.workspaces import below

BASE: Any = SimpleNamespace(geometry=Geometry(frames=9, height=64, width=96, fps=8))
WAYS = {"one": (5, 0), "other": (-5, 2)}


def moving(way: tuple[int, int]) -> NDArray[np.uint8]:
    """A bright block that goes this way, in pixels a frame."""
    frames = np.full((9, 64, 96, 3), 60, np.uint8)
    for number in range(9):
        left = (10 if way[0] > 0 else 66) + way[0] * number
        top = 20 + way[1] * number
        frames[number, top : top + 18, left : left + 18] = (220, 80 + 40 * (way[0] > 0), 40)
    return frames


def nearest(root: Path, way: tuple[int, int], trained: list[str]) -> list[NearestTrainingClip]:
    """Of one sample that moves so, among the clips of these names."""
    workspace, clips = below(root), list[Clip]()
    for name, shown in WAYS.items():
        file = root / f"videos/{name}.mp4"
        write_mp4(file, moving(shown), 8)
        clips.append(clip(name, split="train", sha256=sha256_file(file)))
    known = [
        TrainedClip(id=name, sha256="0" * 64, scenario="market_floor", split="train")
        for name in trained
    ]
    record = RunRecord.model_validate(run_record("market_floor", "5" * 64))
    frames = moving(way)
    prompt = Prompt("market_floor_00", "market_floor", "a cart")
    sample = Sample(prompt, 1, frames, measure_temporal(frames, 8), 0.5, None)
    return nearest_training_clips(
        workspace, BASE, record.model_copy(update={"clips": known}), clips, [sample], lambda: None
    )


def test_a_repeated_clip_is_named_and_counted_as_a_copy(tmp_path: Path) -> None:
    (row,) = nearest(tmp_path, WAYS["one"], ["one", "other"])
    assert (row.clip_id, row.copied, row.prompt_id, row.seed) == ("one", True, "market_floor_00", 1)
    assert row.similarity > row.limit


def test_of_more_clips_than_fit_into_memory_none_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ["one", "other"]
    found = {name: nearest(tmp_path / name, way, both) for name, way in WAYS.items()}
    assert {name: row.clip_id for name, (row,) in found.items()} == {name: name for name in WAYS}
    monkeypatch.setattr("slora_assets.validation.copies._AT_ONCE", 1)
    assert {name: nearest(tmp_path / name, way, both) for name, way in WAYS.items()} == found


def test_only_clips_that_were_trained_on_can_be_copied(tmp_path: Path) -> None:
    (row,) = nearest(tmp_path, WAYS["one"], ["other"])
    assert (row.clip_id, row.copied) == ("other", False)


def test_a_motion_that_no_clip_has_is_no_copy(tmp_path: Path) -> None:
    (row,) = nearest(tmp_path, (2, 3), ["one", "other"])
    assert not row.copied


def test_without_any_clip_to_read_there_is_no_row(tmp_path: Path) -> None:
    assert nearest(tmp_path, WAYS["one"], []) == []
