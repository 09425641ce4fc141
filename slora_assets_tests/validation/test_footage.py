"""The yardstick: a scenario's footage is measured once, as what the base could draw of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity, Clip, FootageClip, Geometry
from slora_assets.footage.decode import decode_clip
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import sha256_file
from slora_assets.validation.footage import WANTED, DrawnFootage, draw_footage
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.metrics.temporal_consistency import measure_temporal
from slora_assets.validation.sampling import clip_metrics, motion_reference, new_scoring
from slora_assets_tests.caches.made import clip
from slora_assets_tests.validation.moving import pan


class CountedBase:
    """The miniature with clips of two frames, which counts how often it encodes; it gives back what
    it got, so that many clips take seconds."""

    geometry = Geometry(frames=2, height=64, width=96, fps=8)

    def __init__(self, vae: str | None = None) -> None:
        self._base = open_base(MINIATURE, Path())
        self._vae = vae
        self.passes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def identity(self) -> BaseIdentity:
        found = self._base.identity()
        parts = {**found.parts, "vae": self._vae} if self._vae else found.parts
        return found.model_copy(update={"parts": parts})

    def through_vae(self, _: Any, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.passes += 1
        return frames


class Room:
    """A workspace with clips of one scenario, measured by `base`."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root, root / "configs", root / "configs/data/sample.yaml")
        self.base: Any = CountedBase()

    @cached_property
    def scorer(self) -> ClipScorer:
        return open_scorer(MINIATURE, self.workspace.models, "cpu")

    def clip(self, name: str, split: str = "validation", step: int = 3, count: int = 4) -> Clip:
        """A clip whose picture moves by `step` pixels per frame, beside its file."""
        file = self.workspace.root / f"videos/{name}.mp4"
        write_mp4(file, pan(step, count=count), 8)
        return clip(name, split=split, sha256=sha256_file(file))

    def drawn(self, *clips: Clip) -> list[DrawnFootage]:
        found = draw_footage(self.workspace, self.base, clips, "cpu")
        assert set(found) == {"market_floor"}
        return found["market_floor"]

    def measured(
        self, *clips: Clip, contrasts: Mapping[str, Sequence[str]] | None = None
    ) -> list[FootageClip]:
        drawn = self.drawn(*clips)
        scoring = new_scoring(self.base, self.scorer, {"market_floor": drawn}, contrasts or {})
        return scoring.footage(drawn)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_footage_is_measured_as_samples_are_after_the_base_s_vae(room: Room) -> None:
    room.base = base = open_base(MINIATURE, Path())
    one = room.clip("one", count=16)
    (found,) = room.measured(one, contrasts={"market_floor": ["a sea", "a snowfield"]})
    assert (found.clip_id, found.split) == ("one", "validation")
    frames = decode_clip(room.workspace.root / one.path, **base.geometry.model_dump())
    drawn = base.through_vae(base.load_vae("cpu"), frames)
    temporal = measure_temporal(drawn, base.geometry.fps)
    own, *others = room.scorer.scores(drawn, [*one.prompts, "a sea", "a snowfield"])
    assert found.scores == clip_metrics(temporal, own, own - sum(others) / 2)


def test_what_the_vae_gets_is_the_clip_s_own_motion(room: Room) -> None:
    fast, slow = room.measured(room.clip("fast", step=4), room.clip("slow", step=2))
    assert fast.scores["motion_speed"] == pytest.approx(4 / 64 * 8, rel=0.1)
    assert slow.scores["motion_speed"] == pytest.approx(2 / 64 * 8, rel=0.1)
    drawn = room.drawn(room.clip("fast", step=4), room.clip("slow", step=2))
    assert motion_reference(drawn) == pytest.approx(3 / 64 * 8, rel=0.1)


def test_without_other_scenarios_there_is_nothing_to_be_unlike(room: Room) -> None:
    (found,) = room.measured(room.clip("one"))
    assert found.scores["scenario_margin"] is None
    assert found.scores["clip_similarity"] is not None


def test_scores_are_made_once_and_read_again(room: Room) -> None:
    clips = [room.clip("one"), room.clip("other", step=2)]
    made = room.measured(*clips)
    assert room.base.passes == 2
    assert room.measured(*clips) == made
    assert Room(room.workspace.root).measured(*clips) == made, "another process reads them, too"
    assert room.base.passes == 2


def test_scores_are_made_anew_when_what_they_depend_on_is_another(room: Room) -> None:
    one = room.clip("one", step=2)
    (before,) = room.measured(one)
    (after,) = room.measured(room.clip("one", step=4))
    assert after.scores["motion_speed"] == pytest.approx(4 / 64 * 8, rel=0.1)
    assert before.scores["motion_speed"] == pytest.approx(2 / 64 * 8, rel=0.1)
    assert room.base.passes == 2, "other bytes"
    again = room.clip("one", step=2)
    room.measured(again)
    assert room.base.passes == 2, "the first file's scores still stand"
    room.measured(again, contrasts={"market_floor": ["a sea"]})
    room.measured(again.model_copy(update={"prompts": ["a bazaar"]}))
    assert room.base.passes == 2, "words change no pixel"
    room.base = CountedBase(vae="0e" * 32)
    room.measured(again)
    assert room.base.passes == 1, "another VAE"


def test_a_file_of_scores_that_is_torn_is_made_anew(room: Room) -> None:
    one = room.clip("one")
    made = room.measured(one)
    (file,) = room.workspace.measured_clips.glob("*.npz")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert room.measured(one) == made
    assert file.read_bytes() == content


def test_held_out_clips_come_first_and_trained_ones_only_help_out(room: Room) -> None:
    trained = [room.clip(f"trained {i}", "train") for i in range(WANTED)]
    held_out = [room.clip(f"held out {i}") for i in range(3)]
    kept = room.clip("kept for the end", "test")
    found = [one.clip_id for one in room.measured(*trained[:4], kept, *held_out, *trained[4:])]
    assert found[:3] == ["held out 0", "held out 1", "held out 2"]
    assert found[3:] == [f"trained {i}" for i in range(WANTED - 3)]


def test_more_held_out_clips_than_needed_are_all_measured_up_to_sixteen(room: Room) -> None:
    trained = room.clip("trained", "train")
    held_out = [room.clip(f"{i:02}") for i in range(20)]
    few = room.measured(trained, *held_out[: WANTED + 2])
    assert [one.split for one in few] == ["validation"] * (WANTED + 2)
    assert len(room.measured(trained, *held_out)) == 16


def test_a_clip_that_cannot_be_decoded_is_left_out(room: Room) -> None:
    torn, good = room.clip("torn"), room.clip("good")
    (room.workspace.root / torn.path).write_bytes(b"no video")
    short = room.clip("short")
    write_mp4(room.workspace.root / short.path, pan(3, count=1), 8)
    assert [one.clip_id for one in room.measured(torn, short, good)] == ["good"]


def test_footage_of_which_nothing_moves_or_nothing_can_be_read_is_no_reference(
    room: Room,
) -> None:
    torn = room.clip("torn")
    (room.workspace.root / torn.path).write_bytes(b"no video")
    assert motion_reference(room.drawn(torn)) is None
    assert motion_reference(room.drawn(room.clip("still", step=0))) is None


def test_a_clip_is_read_no_farther_than_it_lasts(room: Room) -> None:
    whole = room.clip("whole", count=16)
    cut = whole.model_copy(update={"id": "cut", "end_s": 0.05})
    assert [one.clip.id for one in room.drawn(cut, whole)] == ["whole"]


def test_measuring_ends_when_asked_to_and_keeps_what_it_has(room: Room) -> None:
    clips = [room.clip("one"), room.clip("other", step=2)]

    def check() -> None:
        if room.base.passes == 1:
            raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        draw_footage(room.workspace, room.base, clips, "cpu", check)
    room.drawn(*clips)
    assert room.base.passes == 2
