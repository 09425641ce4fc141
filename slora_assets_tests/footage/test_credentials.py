"""A video that says that it may not be trained on is not; one that says nothing of it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slora_assets.config.workspace import Workspace
from slora_assets.documents import MadeWith
from slora_assets.footage.credentials import Said, has_credentials, said_in
from slora_assets.footage.encode import write_mp4
from slora_assets.marking.credentials import sign_video
from slora_assets.provenance.inventories import read_inventory
from slora_assets_tests.folder_dataset import curated, folder_workspace, write_scenario
from slora_assets_tests.footage.signed import sign
from slora_assets_tests.workspaces import choose

CAWG, C2PA = "cawg.training-mining", "c2pa.training-mining"
NEVER, FREELY = {"use": "notAllowed"}, {"use": "allowed"}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3)).astype(np.uint8)
    write_mp4(tmp_path / "clip.mp4", noise, 8)
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize(
    ("label", "entries", "said"),
    [
        (CAWG, {"cawg.ai_generative_training": NEVER}, "cawg.ai_generative_training: notAllowed"),
        (CAWG, {"cawg.data_mining": NEVER}, "cawg.data_mining: notAllowed"),
        (C2PA, {"c2pa.ai_training": NEVER}, "c2pa.ai_training: notAllowed"),
        (CAWG, {"cawg.ai_generative_training": FREELY, "cawg.data_mining": FREELY}, ""),
        (CAWG, {"cawg.ai_inference": NEVER}, ""),
        ("org.example.other", {"cawg.ai_training": NEVER}, ""),
    ],
)
def test_what_the_credentials_forbid(
    video: Path, label: str, entries: dict[str, Any], said: str
) -> None:
    assert not has_credentials(video)
    sign(video, label, entries)
    assert has_credentials(video)
    assert said_in(video) == Said(refuses=said)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\x00" * 64, b"\x00\x00\x00\x01uuid", b"x" * 9])
def test_what_is_no_video_has_no_credentials(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert not has_credentials(tmp_path / "a.mp4")


def test_broken_credentials_say_nothing(video: Path) -> None:
    sign(video, CAWG, {"cawg.ai_training": NEVER})
    content = video.read_bytes()
    at = content.index(b"jumb")
    video.write_bytes(content[: at + 4] + b"\xff" * 64 + content[at + 68 :])
    assert said_in(video) == Said()


def test_such_a_clip_is_a_reject_with_its_reason_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = {"a": ["a boat"], "b": ["a boat"], "held_out_c": ["a boat"]}
    workspace: Workspace = choose(folder_workspace(tmp_path, clips), monkeypatch)
    write_scenario(workspace, "boats", "boat")
    before = curated(workspace)
    plain = workspace.footage_inventory.read_bytes()
    assert b"do_not_train" not in plain
    sign(tmp_path / "footage" / "a.mp4", CAWG, {"cawg.ai_generative_training": NEVER})
    sign(tmp_path / "footage" / "b.mp4", CAWG, {"cawg.ai_generative_training": FREELY})
    after = curated(workspace)
    assert {one.id for one in before.clips} - {one.id for one in after.clips} == {"a"}
    assert [(one.id, one.reason) for one in after.rejects] == [("a", "do_not_train")]
    assert "cawg.ai_generative_training" in after.rejects[0].detail
    assert read_inventory(workspace).do_not_train.keys() == {"a"}


def test_that_a_clip_was_generated_is_kept_in_the_inventory_and_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = {"a": ["a boat"], "b": ["a boat"], "held_out_c": ["a boat"]}
    workspace: Workspace = choose(folder_workspace(tmp_path, clips), monkeypatch)
    write_scenario(workspace, "boats", "boat")
    before = curated(workspace)
    assert b'"generated"' not in workspace.footage_inventory.read_bytes()
    file = tmp_path / "footage" / "a.mp4"
    unsigned = file.rename(tmp_path / "unsigned.mp4")
    sign_video(unsigned, file, "0" * 32, MadeWith())
    after = curated(workspace)
    assert {one.id for one in after.clips} == {one.id for one in before.clips}
    assert read_inventory(workspace).generated == {"a": f"slora, video {'0' * 32}"}
