"""A refusal holds for as long as what it hung on is the same, and no longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slora_assets.config.errors import FootageError
from slora_assets.documents import Clip, QuarantineStage
from slora_assets.footage import quarantine as module
from slora_assets.footage.quarantine import (
    entry,
    quarantine,
    read_quarantine,
    refused_before,
)
from slora_assets_tests.caches.made import GEOMETRY, clip
from slora_assets_tests.workspaces import rewrite

SHORT = FootageError("too_short", "4 of 9 frames at 8 fps")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "quarantine.json"


def _refuse(file: Path, one: Clip, error: FootageError = SHORT) -> None:
    quarantine(file, "latents", [entry(one, error, "latents", GEOMETRY)], looked_at=[one.id])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sha256": "0e" * 32}, id="another file"),
        pytest.param({"start_s": 1.0}, id="another begin"),
        pytest.param({"end_s": 2.0}, id="another end"),
    ],
)
def test_a_clip_that_is_another_one_now_is_not_refused_for_what_it_was(
    file: Path, change: dict[str, Any]
) -> None:
    one = clip(end_s=0.5)
    _refuse(file, one)
    assert read_quarantine(file).of(one) is not None
    assert read_quarantine(file).of(one.model_copy(update=change)) is None
    assert refused_before(file, "latents", [one], GEOMETRY).keys() == {one.id}
    assert refused_before(file, "latents", [one.model_copy(update=change)], GEOMETRY) == {}


def test_another_decoder_is_asked_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = clip()
    _refuse(file, one)
    monkeypatch.setattr(module, "decoder", lambda: "the next one")
    assert read_quarantine(file).of(one) is None
    assert refused_before(file, "latents", [one], GEOMETRY) == {}


def test_a_base_that_reads_other_clips_asks_again(file: Path) -> None:
    one = clip()
    _refuse(file, one)
    shorter = GEOMETRY.model_copy(update={"frames": 4})
    assert refused_before(file, "latents", [one], shorter) == {}


@pytest.mark.parametrize("reason", ["crash", "hang", "missing", "unreadable"])
def test_what_may_be_the_machines_fault_is_out_for_this_run_and_tried_by_the_next(
    file: Path, reason: str
) -> None:
    one = clip()
    _refuse(file, one, FootageError(reason, "the decoder's process ended with code -9"))
    found = read_quarantine(file).of(one)
    assert found is not None
    assert found.reason == reason
    assert refused_before(file, "latents", [one], GEOMETRY) == {}


def test_a_stage_takes_back_what_it_said_of_clips_that_it_has_looked_at(file: Path) -> None:
    first, second = clip("first"), clip("second")
    _refuse(file, first)
    _refuse(file, second)
    quarantine(file, "first_frames", [entry(first, SHORT, "first_frames")], looked_at=["first"])
    quarantine(file, "latents", [], looked_at=["first"])
    listed: list[tuple[str, QuarantineStage]] = [
        (one.clip_id, one.stage) for one in read_quarantine(file).entries
    ]
    assert listed == [("first", "first_frames"), ("second", "latents")]


def test_lists_of_older_versions_refuse_nothing(file: Path) -> None:
    one = clip()
    _refuse(file, one)
    rewrite(file, lambda document: document["clips"][0].pop("refused_for"))
    assert read_quarantine(file).of(one) is None
