"""Footage in a bucket of a real S3 server is sorted, cached, verified and taken down as that of a
folder, with no more copies here than there is room for."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.result import CacheResult
from slora_assets.config.errors import ConfigError, FootageError, IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest, write_manifest
from slora_assets.governance.takedown.stage import take_down
from slora_assets.governance.takedown.status import left_lines, what_is_left
from slora_assets.governance.verification.verify import verify
from slora_assets.processes.isolation import Task, isolated
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.storage.footage_copies import FOLDER, copies_in
from slora_assets.storage.opening import open_store
from slora_assets.storage.pull import pull
from slora_assets.storage.push import push
from slora_assets.storage.store import Store, StoreError
from slora_assets_tests.folder_dataset import add_clip, curated
from slora_assets_tests.storage.conftest import Elsewhere

GIB = 2**30


@dataclass(frozen=True)
class Bucket:
    """Where the footage of a workspace lies."""

    workspace: Workspace
    store: Store
    url: str

    @property
    def copies(self) -> list[str]:
        return sorted(path.name for path, _ in copies_in(self.folder))

    @property
    def folder(self) -> Path:
        return self.workspace.raw("harbours") / FOLDER

    def put(self, file: Path, name: str) -> None:
        self.store.fs.put_file(str(file), f"{self.store.root}/{name}")

    def frames(self, scenario: str = "boat") -> CacheResult:
        return frames_of(self.workspace, scenario)


def frames_of(workspace: Workspace, scenario: str = "boat") -> CacheResult:
    clips = read_manifest(workspace.manifest(scenario)).clips
    index = workspace.first_frame_index(scenario)
    return cache_first_frames(clips, workspace.root, index, workspace.quarantine)


@pytest.fixture
def bucket(here: Workspace, store: Store) -> Bucket:
    """The footage of `here`, moved to a bucket; nothing is sorted yet."""
    url = f"{store.url.rpartition('/')[0]}/footage"
    moved = Bucket(here, open_store(url), url)
    for file in sorted((here.root / "footage").glob("*.mp4")):
        moved.put(file, file.name)
        file.unlink()
    text = here.dataset_file.read_text().replace("\nfootage: footage", f"\nfootage: {url}")
    here.dataset_file.write_text(text)
    return moved


@pytest.fixture
def sorted_bucket(bucket: Bucket) -> Bucket:
    """The same, curated."""
    curated(bucket.workspace)
    for name in ("boat", "crane"):
        write_manifest(bucket.workspace, name)
    return bucket


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the objects that are read from now on."""
    names: list[str] = []
    copy = Store.copy

    def told(self: Store, key: str, bytes_: int, target: Path) -> object:
        names.append(key)
        return copy(self, key, bytes_, target)

    monkeypatch.setattr(Store, "copy", told)
    return names


def test_clips_and_frames_are_those_of_a_folder(here: Workspace, bucket: Bucket) -> None:
    before = read_manifest(here.manifest("boat"))  # of the footage while it lay in a folder
    after = curated(here)
    write_manifest(here, "boat")
    manifest = read_manifest(here.manifest("boat"))
    assert manifest.dataset_hash == before.dataset_hash
    assert [clip.path for clip in manifest.clips] == [
        f"data/raw/harbours/at_url/{Path(clip.path).name}" for clip in before.clips
    ]
    assert len(after.clips) == 6 and not after.rejects
    assert (bucket.frames().made, bucket.frames().kept) == (3, 3)


def test_what_is_known_is_not_fetched_again(sorted_bucket: Bucket, fetched: list[str]) -> None:
    shutil.rmtree(sorted_bucket.folder)
    first = curated(sorted_bucket.workspace)
    assert fetched == []
    sorted_bucket.frames()
    assert sorted(fetched) == ["first_boat.mp4", "held_out_boat.mp4", "second_boat.mp4"]
    assert curated(sorted_bucket.workspace) == first
    sorted_bucket.frames()
    assert len(fetched) == 3


def test_a_first_inventory_fetches_each_file_once(bucket: Bucket, fetched: list[str]) -> None:
    curated(bucket.workspace)
    assert len(fetched) == len(set(fetched)) == 6


def test_copies_stay_within_their_limit(
    bucket: Bucket, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = max(one["size"] for one in bucket.store.fs.ls(bucket.store.root, detail=True))
    monkeypatch.setenv("SLORA_FOOTAGE_CACHE_GIB", f"{2.5 * size / GIB:.12f}")
    assert len(curated(bucket.workspace).clips) == 6
    assert len(bucket.copies) <= 2
    write_manifest(bucket.workspace, "boat")
    assert bucket.frames().made == 3
    for name in ("first_crane.mp4", "second_crane.mp4", "first_boat.mp4"):
        with at_hand(bucket.folder / name):
            pass
    assert len(bucket.copies) <= 2 and "first_boat.mp4" in bucket.copies
    assert len(fetched) > 6


def test_what_somebody_reads_makes_no_room(
    sorted_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(sorted_bucket.folder)
    sorted_bucket.folder.mkdir()
    monkeypatch.setenv("SLORA_FOOTAGE_CACHE_GIB", "1e-9")
    boat, crane = (sorted_bucket.folder / f"first_{one}.mp4" for one in ("boat", "crane"))
    with at_hand(boat):
        with at_hand(crane):
            assert boat.is_file() and crane.is_file()
        with at_hand(sorted_bucket.folder / "second_boat.mp4"):
            assert boat.is_file() and not crane.exists()
    with at_hand(crane):
        assert sorted_bucket.copies == ["first_crane.mp4"]


def test_a_fetch_leaves_another_s_unfinished_file_alone(
    sorted_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time of modification stands for its version already, and is years ago."""
    unfinished = sorted_bucket.folder / ".second_boat.0123abcd.partial.mp4"
    unfinished.write_bytes(b"nearly whole")
    os.utime(unfinished, ns=(1, 1))
    monkeypatch.setenv("SLORA_FOOTAGE_CACHE_GIB", "1e-9")
    (sorted_bucket.folder / "first_boat.mp4").unlink()
    with at_hand(sorted_bucket.folder / "first_boat.mp4"):
        assert sorted_bucket.copies == ["first_boat.mp4"]
    assert unfinished.is_file()


def test_whoever_stops_reading_lets_go_of_what_was_fetched(
    sorted_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(sorted_bucket.folder.iterdir())
    results = isolated(_size, (Task(path, (path,)) for path in files))
    assert next(results) == files[0].stat().st_size
    results.close()
    monkeypatch.setenv("SLORA_FOOTAGE_CACHE_GIB", "1e-9")
    files[0].unlink()
    with at_hand(files[0]):
        assert sorted_bucket.copies == [files[0].name]


def _size(path: Path) -> int:
    return path.stat().st_size


def test_bytes_that_changed_since_are_refused_until_they_are_sorted(
    sorted_bucket: Bucket, tmp_path: Path
) -> None:
    workspace = sorted_bucket.workspace
    before = {clip.id: clip.sha256 for clip in read_manifest(workspace.manifest("boat")).clips}
    (tmp_path / "footage").mkdir()
    add_clip(tmp_path, "first_boat", ["a boat"], 20)
    sorted_bucket.put(tmp_path / "footage/first_boat.mp4", "first_boat.mp4")
    (sorted_bucket.folder / "first_boat.mp4").unlink()  # of the old version
    with pytest.raises(IntegrityError, match="run `make data`") as caught:
        sorted_bucket.frames()
    assert caught.value.key == f"{sorted_bucket.url}/first_boat.mp4"
    assert "first_boat.mp4" not in sorted_bucket.copies
    now = {clip.id: clip.sha256 for clip in curated(workspace).clips}
    changed = {name for name, sha256 in before.items() if now[name] != sha256}
    assert changed == {"first_boat"}
    write_manifest(workspace, "boat")
    assert sorted_bucket.frames().made == 3


def test_a_copy_of_another_version_is_not_used(sorted_bucket: Bucket) -> None:
    copy = sorted_bucket.folder / "first_boat.mp4"
    right = copy.read_bytes()
    copy.write_bytes(b"something else")
    assert sorted_bucket.frames().made == 3
    assert copy.read_bytes() == right


def test_an_object_that_is_gone_costs_its_clip(sorted_bucket: Bucket) -> None:
    shutil.rmtree(sorted_bucket.folder)
    sorted_bucket.folder.mkdir()
    sorted_bucket.store.remove("first_boat.mp4")
    done = sorted_bucket.frames()
    assert (done.made, [one.reason for one in done.quarantined]) == (2, ["missing"])
    gone = sorted_bucket.folder / "first_boat.mp4"
    with pytest.raises(FootageError, match=r"no s3://.*/first_boat\.mp4 any more"), at_hand(gone):
        pass
    assert "first_boat" not in {clip.id for clip in curated(sorted_bucket.workspace).clips}


def test_another_machine_reads_the_footage_where_it_lies(
    sorted_bucket: Bucket, elsewhere: Elsewhere, store: Store, fetched: list[str]
) -> None:
    push(sorted_bucket.workspace, store)
    there = elsewhere("there")
    pull(there, store)
    assert not list(there.root.rglob("*.mp4"))
    fetched.clear()
    assert frames_of(there).made == 3
    assert sorted(fetched) == ["first_boat.mp4", "held_out_boat.mp4", "second_boat.mp4"]


def test_verification_reads_it_only_when_all_is_read(sorted_bucket: Bucket, tmp_path: Path) -> None:
    workspace, file = sorted_bucket.workspace, sorted_bucket.workspace.footage_inventory
    shutil.rmtree(sorted_bucket.folder)
    sorted_bucket.folder.mkdir()
    seen = verify(workspace, file)
    assert not list(seen.broken()) and not sorted_bucket.copies
    assert any(f"at {sorted_bucket.url}, not read now" in line for line in seen.lines())
    assert not list(verify(workspace, file, full=True).broken())
    assert len(sorted_bucket.copies) == 6
    (tmp_path / "footage").mkdir()
    add_clip(tmp_path, "first_boat", ["a boat"], 20)
    sorted_bucket.put(tmp_path / "footage/first_boat.mp4", "first_boat.mp4")
    (sorted_bucket.folder / "first_boat.mp4").unlink()
    broken = list(verify(workspace, file, full=True).broken())
    assert any("first_boat.mp4" in link.path for link in broken)


def test_a_takedown_erases_the_copy_and_names_the_original(sorted_bucket: Bucket) -> None:
    workspace = sorted_bucket.workspace
    sorted_bucket.frames()
    done = take_down(workspace, "first_boat", "a person", "asked to", delete_footage=True)
    assert [path.name for path in done.erased["copies of footage"]] == ["first_boat.mp4"]
    assert "first_boat.mp4" not in sorted_bucket.copies
    assert sorted_bucket.store.size("first_boat.mp4")  # the URL is only read
    told = "\n".join(left_lines(what_is_left(workspace), workspace))
    assert f"original footage still there: {sorted_bucket.url}/first_boat.mp4" in told
    sorted_bucket.store.remove("first_boat.mp4")
    assert "original footage" not in "\n".join(left_lines(what_is_left(workspace), workspace))


def test_a_url_that_doesn_t_answer_is_named(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="can't be listed") as caught:
        curated(bucket.workspace)
    assert bucket.url in str(caught.value)
    text = bucket.workspace.dataset_file.read_text().replace("s3://", "nosuch://")
    bucket.workspace.dataset_file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        curated(bucket.workspace)
    assert refused.value.key == "footage"


def test_an_empty_prefix_is_no_footage(bucket: Bucket) -> None:
    text = bucket.workspace.dataset_file.read_text().replace(bucket.url, f"{bucket.url}-misspelt")
    bucket.workspace.dataset_file.write_text(text)
    with pytest.raises(MissingInputError, match="no file") as caught:
        curated(bucket.workspace)
    assert f"{bucket.url}-misspelt" in str(caught.value)


def test_a_limit_that_is_none_is_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("0", "much", "-1", "nan"):
        monkeypatch.setenv("SLORA_FOOTAGE_CACHE_GIB", said)
        with pytest.raises(ConfigError, match="GiB") as caught:
            curated(bucket.workspace)
        assert caught.value.key == "SLORA_FOOTAGE_CACHE_GIB"
