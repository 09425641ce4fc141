"""A first frame shows where its clip begins in its file; one that was changed is made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slora_assets.caches import first_frames
from slora_assets.caches.first_frames import cache_first_frames, damaged_frames
from slora_assets.caches.result import CacheResult
from slora_assets.documents import Clip
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.marking.watermark import embedded
from slora_assets.provenance import sha256_file
from slora_assets_tests.caches.made import clip
from slora_assets_tests.marking.clips import rendered

GREY_PER_FRAME = 4


@dataclass(frozen=True)
class Footage:
    """Three clips that begin at different seconds of their files, below `root`."""

    root: Path
    clips: list[Clip]

    def cache(self, clips: Sequence[Clip] | None = None) -> CacheResult:
        clips = self.clips if clips is None else clips
        return cache_first_frames(clips, self.root, self.index, self.root / "quarantine.json")

    @property
    def index(self) -> Path:
        return self.root / "index.json"

    def frames(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes() for path in (self.root / "frames").glob("*.png")}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """With first frames. Grey values tell a frame's number at 25 fps, times four."""
    root = tmp_path_factory.mktemp("footage")
    grey = [np.full((64, 96, 3), GREY_PER_FRAME * number, np.uint8) for number in range(50)]
    clips = []
    for start_s in (0.0, 0.4, 1.0):
        one = clip(f"clip{start_s}", start_s=start_s)
        write_mp4(root / one.path, np.stack(grey), 25)
        clips.append(one.model_copy(update={"sha256": sha256_file(root / one.path)}))
    footage = Footage(root, clips)
    assert footage.cache().made == len(clips)
    return footage


@pytest.fixture
def footage(untouched: Footage, tmp_path: Path) -> Footage:
    """A copy that a test may change."""
    return Footage(Path(shutil.copytree(untouched.root, tmp_path / "footage")), untouched.clips)


def test_a_clip_cut_out_of_its_file_shows_the_picture_of_that_second(footage: Footage) -> None:
    for one in footage.clips:
        shown = np.asarray(Image.open(footage.root / one.first_frame))
        assert shown.shape == (480, 720, 3)
        assert abs(shown.mean() / GREY_PER_FRAME - one.start_s * 25) < 0.5


def test_a_clip_that_now_begins_elsewhere_gets_its_new_picture(footage: Footage) -> None:
    kept = footage.cache()
    assert (kept.made, kept.kept) == (0, 3)
    first, *others = footage.clips
    moved = first.model_copy(update={"start_s": 0.8})
    again = footage.cache([moved, *others])
    assert (again.made, again.kept) == (1, 2)
    assert again.hash != kept.hash
    shown = np.asarray(Image.open(footage.root / moved.first_frame))
    assert abs(shown.mean() / GREY_PER_FRAME - 0.8 * 25) < 0.5


@pytest.mark.parametrize("index", ["index.json", "of_another_scenario.json"])
def test_a_renamed_clip_or_scenario_keeps_its_frames(
    footage: Footage, monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    before = footage.frames()
    renamed = [
        one.model_copy(update={"id": f"{one.id}b", "first_frame": f"frames/{one.id}b.png"})
        for one in footage.clips
    ]
    monkeypatch.setattr(first_frames, "isolated", _refuse_to_decode)
    quarantined = footage.root / "quarantine.json"
    found = cache_first_frames(renamed, footage.root, footage.root / index, quarantined)
    assert (found.made, found.kept) == (0, 3)
    assert footage.frames() == before | {f"{name}b": data for name, data in before.items()}
    assert damaged_frames(footage.root / index, footage.root / "frames") == []


def test_a_clip_that_cannot_be_decoded_is_not_tried_again_until_something_has_changed(
    footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = footage.clips
    late = first.model_copy(update={"start_s": 9.0})
    before = footage.cache([late, *others])
    with monkeypatch.context() as patch:
        patch.setattr(first_frames, "isolated", _refuse_to_decode)
        assert footage.cache([late, *others]) == before.model_copy(update={"made": 0})
    assert footage.cache().quarantined == []
    assert read_quarantine(footage.root / "quarantine.json").entries == ()


def _refuse_to_decode(_function: object, tasks: Iterable[object]) -> Iterator[object]:
    assert list(tasks) == []
    return iter(())


def test_edited_and_deleted_frames_are_made_again_to_the_same_bytes(footage: Footage) -> None:
    before, kept = footage.frames(), footage.cache()
    Image.new("RGB", (720, 480), "red").save(footage.root / footage.clips[0].first_frame)
    (footage.root / footage.clips[1].first_frame).unlink()
    again = footage.cache()
    assert (again.made, again.kept, again.hash) == (2, 1, kept.hash)
    assert footage.frames() == before


def test_a_clip_that_cannot_be_decoded_is_listed_and_the_others_have_their_frames(
    footage: Footage,
) -> None:
    shutil.rmtree(footage.root / "frames")
    first, broken, sound = footage.clips
    late = first.model_copy(update={"start_s": 9.0})
    (footage.root / broken.path).write_bytes(b"no video")
    result = footage.cache([late, broken, sound])
    assert (result.made, set(footage.frames())) == (1, {sound.id})
    listed = read_quarantine(footage.root / "quarantine.json")
    assert list(listed.entries) == result.quarantined
    assert {entry.clip_id: (entry.reason, entry.stage) for entry in listed.entries} == {
        late.id: ("too_short", "first_frames"),
        broken.id: ("corrupt", "first_frames"),
    }


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _unsound(path: Path) -> None:
    path.write_bytes(b"no picture")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: Image.new("RGB", (480, 720)).save(path), id="wrong size"),
        pytest.param(lambda path: Image.new("L", (720, 480)).save(path), id="grey"),
        pytest.param(_cut_off, id="truncated"),
        pytest.param(_unsound, id="no picture"),
        pytest.param(Path.unlink, id="absent"),
    ],
)
def test_a_frame_that_is_no_whole_picture_of_the_right_size_is_named(
    footage: Footage, damage: Callable[[Path], None]
) -> None:
    folder, victim = footage.root / "frames", footage.clips[1]
    assert damaged_frames(footage.index, folder) == []
    damage(footage.root / victim.first_frame)
    assert damaged_frames(footage.index, folder) == [victim.id]


def test_a_published_clip_that_comes_back_as_footage_is_noticed(footage: Footage) -> None:
    published = footage.clips[1]
    write_mp4(footage.root / published.path, embedded(rendered(1), 0xC0FFEE11), 8)
    changed = published.model_copy(
        update={"sha256": sha256_file(footage.root / published.path), "start_s": 0.0}
    )
    clips = [footage.clips[0], changed, footage.clips[2]]
    said = {published.id: "slora's watermark c0ffee11"}
    made = footage.cache(clips)
    assert (made.made, made.generated) == (1, said)
    again = footage.cache(clips)
    assert (again.made, again.generated, again.hash) == (0, said, made.hash)
