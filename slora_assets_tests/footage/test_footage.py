"""Frames are the right ones and the same every time; what can't be decoded is quarantined."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.config.data import read_dataset
from slora_assets.config.errors import CurationError, FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.footage.decode import decode_clip, first_frame, fit, probe
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.inventory import take_inventory
from slora_assets.footage.quarantine import read_quarantine


@pytest.fixture
def counting_clip(tmp_path: Path) -> Path:
    """Two seconds at 25 fps; the grey value of a frame tells its number times four."""
    path = tmp_path / "counting.mp4"
    frames = np.stack([np.full((64, 96, 3), 4 * i, np.uint8) for i in range(50)])
    write_mp4(path, frames, 25)
    return path


def test_frames_are_chosen_by_time(counting_clip: Path) -> None:
    frames = decode_clip(counting_clip, frames=9, width=96, height=64, fps=8)
    shown = frames.mean(axis=(1, 2, 3)) / 4
    assert np.allclose(shown, [int(i * 25 / 8 + 1e-6) for i in range(9)], atol=0.6)


def test_a_clip_that_ends_too_early_says_how_many_frames_there_are(counting_clip: Path) -> None:
    with pytest.raises(FootageError) as caught:
        decode_clip(counting_clip, frames=49, width=96, height=64, fps=8)
    assert caught.value.reason == "too_short"
    assert "16 of 49" in str(caught.value)


def test_equal_frames_give_equal_files(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3), dtype=np.uint8)
    files = [tmp_path / f"{i}.mp4" for i in range(8)]
    for file in files:
        write_mp4(file, frames, 8)
    assert len({file.read_bytes() for file in files}) == 1


def test_a_wide_picture_is_cut_at_its_centre() -> None:
    picture = Image.new("RGB", (300, 100), "black")
    picture.paste("white", (100, 0, 200, 100))
    assert np.asarray(fit(picture, 100, 100))[:, 10:90].min() == 255


def _damaged(kind: str, good: Path, path: Path) -> Path:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no video")
    elif kind == "truncated":
        path.write_bytes(good.read_bytes()[:300])
    elif kind == "audio":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate = 44100
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "corrupt"),
        ("text", "corrupt"),
        ("truncated", "corrupt"),
        ("audio", "no_video_stream"),
        ("absent", "missing"),
    ],
)
def test_unusable_files_have_a_reason(
    tmp_path: Path, counting_clip: Path, kind: str, reason: str
) -> None:
    with pytest.raises(FootageError) as caught:
        probe(_damaged(kind, counting_clip, tmp_path / "clip.mp4"))
    assert caught.value.reason == reason


def test_an_unreadable_clip_is_quarantined_and_a_repaired_one_is_tried_again(
    workspace: Workspace,
) -> None:
    dataset, _ = read_dataset(workspace.dataset_file)
    victim = workspace.root / write_manifest(workspace, "market_floor").clips[0].path
    whole = victim.read_bytes()
    victim.write_bytes(whole[:500])
    inventory = take_inventory(dataset, workspace)
    assert [reject.clip_id for reject in inventory.rejects] == [victim.stem]
    assert victim.stem in {one.clip_id for one in read_quarantine(workspace.quarantine).entries}
    victim.write_bytes(whole)
    assert take_inventory(dataset, workspace).rejects == []


def test_too_many_unusable_files_fail_the_stage(workspace: Workspace) -> None:
    dataset, _ = read_dataset(workspace.dataset_file)
    for path in sorted((workspace.root / dataset.footage).glob("*.mp4"))[:20]:
        path.write_bytes(b"broken")
    with pytest.raises(CurationError, match="20 of"):
        take_inventory(dataset, workspace)


def test_first_frames_have_stable_bytes_and_are_made_once(workspace: Workspace) -> None:
    clips = write_manifest(workspace, "market_floor").clips
    index = workspace.metadata / "frames.json"

    def run() -> tuple[int, int]:
        result = cache_first_frames(clips, workspace.root, index, workspace.quarantine)
        return result.made, result.kept

    assert run() == (len(clips), 0)
    path = workspace.root / clips[0].first_frame
    before = path.read_bytes()
    assert run() == (0, len(clips))
    path.write_bytes(before[:100])
    assert run() == (1, len(clips) - 1)
    assert path.read_bytes() == before
    assert Image.open(path).size == (720, 480)
    assert first_frame(workspace.root / clips[0].path, 720, 480).size == (720, 480)
