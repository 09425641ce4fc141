"""`slora clean`, as it is typed: what nothing names is listed and goes, what is in use stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import lock_descriptor
from PIL import Image
from typer.testing import CliRunner

from slora_assets.caches.shard_erasure import all_shards, take_out
from slora_assets.caches.shard_file import write_shard
from slora_assets.cli.commands import app
from slora_assets.config.errors import IntegrityError, MissingInputError, SloraError, TrainingError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.governance.cleaning import orphans
from slora_assets.governance.verification.verify import verify
from slora_assets.processes import accelerator_lock
from slora_assets.provenance import sha256_file
from slora_assets.provenance.ledger import amend_record, last_records, refuse_changed
from slora_assets_tests.governance.takedown.harbour import (
    copied,
    curated,
    harbour,
    leave_traces,
    move_into_shards,
)
from slora_assets_tests.workspaces import contents, rewrite


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With everything that stages make of each clip, and nothing that could go."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = harbour(tmp_path_factory.mktemp("harbour"), patch)
        leave_traces(workspace)
    return workspace


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A day later."""
    monkeypatch.setattr(orphans, "_OLD_S", -1.0)
    return copied(made, tmp_path / "copy", monkeypatch)


def clean(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["clean", *arguments])
    if isinstance(done.exception, SloraError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def files_of(workspace: Workspace) -> dict[Path, bytes]:
    """All but the lock, in which its last holder stands."""
    found = contents(workspace.root)
    found.pop(workspace.gpu_lock, None)
    return found


def frame(file: Path, size: tuple[int, int] = (720, 480)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(file)
    return file


def array(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, moments=np.zeros(2))
    return file


def orphaned(workspace: Workspace) -> list[Path]:
    """One of each kind."""
    encoder = next(workspace.text_embeddings.iterdir())
    left_over = workspace.latents / "beach" / ".dunes.0123abcd.partial.npz"
    left_over.write_bytes(b"half")
    return [
        frame(workspace.frames("harbours") / "sold.png"),
        frame(workspace.frames("former") / "sold.png"),
        array(workspace.latents / "beach" / "sold.npz"),
        array(workspace.latents / "former" / "dunes.npz"),
        array(encoder / f"{'5' * 64}.npz"),
        array(workspace.text_embeddings / "former" / f"{'5' * 64}.npz"),
        left_over,
    ]


def test_what_is_in_use_stays(workspace: Workspace) -> None:
    before = files_of(workspace)
    assert clean() == clean("--delete") == "nothing to remove: all that is there is in use\n"
    assert files_of(workspace) == before


def test_what_nothing_names_is_listed_and_then_goes(workspace: Workspace) -> None:
    kept, ledger = files_of(workspace), workspace.ledger.read_bytes()
    gone = orphaned(workspace)
    (workspace.latents / "former" / ".verified.json").write_text("{}")
    (workspace.text_embeddings / "empty").mkdir()
    there = files_of(workspace)
    said = clean()
    assert files_of(workspace) == there and "`slora clean --delete` removes all this" in said
    for line in (
        "first frames that nothing names: 2, ",
        "latents that nothing names: 2, ",
        "embeddings that nothing names: 2, ",
        "leftovers of interrupted writes: 1, 4 bytes (data/prepared/latents/beach/.dunes.0123abcd",
        "empty folders: 4 (",
    ):
        assert line in said
    assert "removed; " in clean("--delete")
    assert files_of(workspace) == kept and not any(path.exists() for path in gone)
    assert not workspace.frames("former").exists() and workspace.raw("former").is_dir()
    assert not (workspace.latents / "former").exists()
    assert workspace.ledger.read_bytes() == ledger
    assert "nothing to remove" in clean()


def test_of_a_shard_what_nothing_names_goes_and_so_do_files_of_what_lies_in_one(
    workspace: Workspace,
) -> None:
    before = {path: path.read_bytes() for path in workspace.latents.rglob("*.npz")}
    move_into_shards(workspace)
    assert clean() == "nothing to remove: all that is there is in use\n"
    kept = contents(workspace.latents)
    twice = next(iter(before))
    twice.write_bytes(before[twice])
    folder = workspace.latents / "beach" / "shards"
    sold = {"sold": (np.zeros((2, 2), np.float16), {"clip": "sold"})}
    write_shard(folder, sold)
    (shard,) = (one for one in all_shards(workspace.latents) if "dunes" in one.entries)
    whole = {name: (shard.read(name), one.key) for name, one in shard.entries.items()}
    take_out(workspace, {shard.path: set()})  # as nothing is taken out, nothing happens
    assert shard.path.exists()
    index = workspace.cache_index("latents", "beach")
    larger = write_shard(folder, whole | sold)
    shard.path.unlink()
    rewrite(index, lambda said: _all_lie_in(said["files"], workspace, larger))
    amend_record(workspace, index)
    assert "arrays in shards that nothing needs: 2, 16 bytes" in clean()
    clean("--delete")
    assert contents(workspace.latents) == kept and not larger.exists()
    assert list(verify(workspace, index, far=False).broken()) == []
    assert "nothing to remove" in clean()


def _all_lie_in(files: dict[str, dict[str, str]], workspace: Workspace, shard: Path) -> None:
    for listed in files.values():
        listed.update(path=workspace.relative(shard), sha256=sha256_file(shard))


def test_what_isnt_the_projects_own_stays(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's pictures, footage and notes; what lies behind a link; what is being written."""
    own = frame(workspace.frames("harbours") / "holiday.png", (800, 600))
    notes = workspace.latents / "beach" / "notes.txt"
    notes.write_text("mine")
    elsewhere = tmp_path / "elsewhere"
    far = [array(elsewhere / "linked" / "sold.npz"), frame(elsewhere / "frames" / "sold.png")]
    (workspace.latents / "linked").symlink_to(elsewhere / "linked")
    (workspace.latents / "beach" / "link.npz").symlink_to(far[0])
    (workspace.raw("linked")).mkdir()
    workspace.frames("linked").symlink_to(elsewhere / "frames")
    footage = workspace.root / "footage" / ".boat.0123abcd.partial.mp4"
    footage.write_bytes(b"somebody's own")
    monkeypatch.setattr(orphans, "_OLD_S", 3600.0)
    working = workspace.metadata / ".manifests.0123abcd.partial.json"
    working.write_bytes(b"half")
    said = clean("--delete")
    assert all(path.exists() for path in (own, notes, *far, footage, working))
    assert "is a link or behind one: data/raw/linked/frames\n" in said


def test_a_clip_stays_for_the_run_that_saw_it(workspace: Workspace) -> None:
    """Sorted out by the curation, its files serve the run's record; without the run they go."""
    (clip,) = (one for one in curated(workspace).clips if one.id == "dunes")
    rewrite(workspace.root / "footage" / "dunes.json", lambda said: said.update(captions=["sand"]))
    curated(workspace)
    write_manifest(workspace, "beach")
    files = [workspace.absolute(one) for one in (clip.first_frame, clip.latent)]
    for kind, part in (("first_frames", "frames"), ("latents", "files")):
        index = workspace.cache_index(kind, "beach")
        rewrite(index, lambda found, part=part: found[part].pop("dunes"))  # type: ignore[misc]
        with pytest.raises(IntegrityError):  # nobody's but a stage's to change
            clean("--delete")
        amend_record(workspace, index)
    clean("--delete")
    assert all(file.is_file() for file in files)
    shutil.rmtree(workspace.root / "checkpoints")
    clean("--delete")
    assert not any(file.is_file() for file in files)


def test_documents_of_a_scenario_that_is_no_more_are_erased_on_record(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / "checkpoints")
    [settings] = (workspace.root / "configs").rglob("beach.yaml")
    settings.unlink()
    curated(workspace)
    index = workspace.cache_index("latents", "beach")
    assert index.is_file() and "scenarios that are no more: " in clean()
    clean("--delete")
    assert not index.exists() and not (workspace.latents / "beach").exists()
    assert (workspace.latents / "harbour").is_dir()
    last = last_records(workspace)[workspace.relative(index)]
    assert last.sha256 is None
    refuse_changed(workspace, index, remedy="")
    assert "nothing to remove" in clean()


def test_nothing_goes_where_it_can_not_be_told(workspace: Workspace) -> None:
    gone = orphaned(workspace)
    workspace.scenario_metadata.unlink()
    with pytest.raises(MissingInputError, match="make data"):
        clean("--delete")
    assert all(path.exists() for path in gone)


def test_nothing_goes_while_a_stage_has_the_accelerator(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = orphaned(workspace)
    monkeypatch.setattr(accelerator_lock, "LOCK_WAIT_S", 0.0)
    with workspace.gpu_lock.open("a+") as stream:
        lock_descriptor(stream.fileno())
        with pytest.raises(TrainingError, match="wait for it"):
            clean("--delete")
    assert all(path.exists() for path in gone)
