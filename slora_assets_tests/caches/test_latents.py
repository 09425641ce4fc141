"""A cached latent is reused only if everything it depends on is the same."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches import latents
from slora_assets.caches.latents import cache_latents, standing_latents
from slora_assets.caches.result import CacheResult
from slora_assets.caches.validity import Verified, latent_key, read_array, write_array
from slora_assets.config.data import read_dataset
from slora_assets.config.errors import IntegrityError, InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.curation.stage import curate
from slora_assets.documents import Clip
from slora_assets.footage.inventory import take_inventory
from slora_assets.footage.quarantine import read_quarantine
from slora_assets.processes.starting import StartedWorker
from slora_assets.processes.stopping import INTERRUPTED
from slora_assets_tests import workers
from slora_assets_tests.waiting import wait_for


def _clips(workspace: Workspace) -> list[Clip]:
    return write_manifest(workspace, "market_floor").usable()


def _refresh(workspace: Workspace) -> tuple[int, int]:
    base = open_base("miniature", workspace.models)
    result = cache_latents(_clips(workspace), base, workspace.root, workspace.quarantine, "cpu")
    return result.made, result.kept


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("*.npz")}


def test_nothing_is_encoded_twice(workspace: Workspace) -> None:
    assert _refresh(workspace) == (0, len(_clips(workspace)))


@pytest.mark.parametrize("damage", ["torn", "absent", "other key"])
def test_a_file_that_does_not_stand_is_encoded_again_to_the_same_bytes(
    workspace: Workspace, damage: str
) -> None:
    clips = _clips(workspace)
    path = workspace.root / clips[0].latent
    before = path.read_bytes()
    if damage == "torn":
        path.write_bytes(before[: len(before) // 2])
    elif damage == "absent":
        path.unlink()
    else:
        write_array(path, "moments", np.zeros((2, 1, 1, 1), np.float16), {"clip": "another"})
    assert _refresh(workspace) == (1, len(clips) - 1)
    assert path.read_bytes() == before


def test_a_latent_of_another_vae_is_refused_by_name(workspace: Workspace) -> None:
    base = open_base("miniature", workspace.models)
    clip = _clips(workspace)[0]
    path = workspace.root / clip.latent
    key = latent_key(clip, base.identity(), base.geometry)
    assert Verified(path.parent, "moments").stands(path, key)
    with pytest.raises(IntegrityError) as caught:
        read_array(path, "moments", key | {"vae": "0" * 64}, "run `make preprocess`")
    assert caught.value.key == "vae"


def test_moments_of_another_shape_than_the_base_reads_are_not_cached(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.root / _clips(workspace)[0].latent
    path.unlink()
    cut = np.zeros((32, 1, 8, 12), np.float16)
    monkeypatch.setattr(
        type(open_base("miniature", workspace.models)), "encode_video", lambda *_: cut
    )
    with pytest.raises(IntegrityError, match="another shape"):
        _refresh(workspace)
    assert not path.exists()


def test_moments_with_nan_are_not_cached_and_the_clips_before_are(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = _clips(workspace)
    first, last = workspace.root / clips[0].latent, workspace.root / clips[-1].latent
    before = first.read_bytes()
    first.unlink()
    last.unlink()
    base = type(open_base("miniature", workspace.models))
    encode, calls = base.encode_video, iter((False, True))

    def sometimes_nan(*arguments: Any) -> NDArray[np.float16]:
        moments = encode(*arguments)
        return np.full_like(moments, np.nan) if next(calls) else moments

    monkeypatch.setattr(latents, "passes_at_once", lambda *_: 1)
    monkeypatch.setattr(base, "encode_video", sometimes_nan)
    with pytest.raises(IntegrityError, match="NaN") as caught:
        _refresh(workspace)
    assert (caught.value.file, caught.value.key) == (last, "moments")
    assert first.read_bytes() == before
    assert not last.exists()


def test_a_clip_that_cannot_be_decoded_is_listed_and_the_others_are_cached(
    workspace: Workspace,
) -> None:
    broken, sound, *rest = _clips(workspace)
    video = workspace.root / broken.path
    video.write_bytes(video.read_bytes()[:500])
    before = (workspace.root / sound.latent).read_bytes()
    for clip in (broken, sound):
        (workspace.root / clip.latent).unlink()
    base = open_base("miniature", workspace.models)
    result = cache_latents(
        [broken, sound, *rest], base, workspace.root, workspace.quarantine, "cpu"
    )
    assert (result.made, result.kept) == (1, len(rest))
    (entry,) = read_quarantine(workspace.quarantine).entries
    assert [entry] == result.quarantined
    assert (entry.clip_id, entry.sha256) == (broken.id, broken.sha256)
    assert (entry.reason, entry.stage) == ("corrupt", "latents")
    assert not (workspace.root / broken.latent).exists()
    assert (workspace.root / sound.latent).read_bytes() == before


def test_a_renamed_scenario_or_clip_is_encoded_no_second_time(workspace: Workspace) -> None:
    base, clips = open_base("miniature", workspace.models), _clips(workspace)
    assert _refresh(workspace) == (0, len(clips))
    renamed = [
        clip.model_copy(update={"id": f"{clip.id}b", "latent": _renamed(clip.latent)})
        for clip in clips
    ]
    standing = standing_latents(renamed, base, workspace.root, workspace.quarantine)
    assert standing is not None
    assert (standing.made, standing.kept) == (0, len(clips))
    for old, new in zip(clips, renamed, strict=True):
        assert (workspace.root / new.latent).read_bytes() == (
            workspace.root / old.latent
        ).read_bytes()
    changed = [renamed[0].model_copy(update={"sha256": "0" * 64, "latent": "latents/x/y.npz"})]
    assert standing_latents(changed, base, workspace.root, workspace.quarantine) is None


def _renamed(latent: str) -> str:
    return latent.replace("/market_floor/", "/market_hall/").replace(".npz", "b.npz")


def test_a_clip_in_quarantine_starts_no_decoder_until_its_part_of_the_file_has_changed(
    workspace: Workspace,
) -> None:
    base, (one, *rest) = open_base("miniature", workspace.models), _clips(workspace)
    short = one.model_copy(update={"end_s": 0.5})

    def standing(clip: Clip) -> CacheResult | None:
        return standing_latents([clip, *rest], base, workspace.root, workspace.quarantine)

    assert standing(short) is None
    made = cache_latents([short, *rest], base, workspace.root, workspace.quarantine, "cpu")
    assert [(c.clip_id, c.reason) for c in made.quarantined] == [(one.id, "too_short")]
    assert made.told("latents").endswith("; 1 clip is in quarantine (1 too_short)")
    assert standing(short) == made
    assert read_quarantine(workspace.quarantine).of(short) is not None
    (workspace.root / one.latent).unlink()
    assert standing(one) is None
    again = cache_latents([one, *rest], base, workspace.root, workspace.quarantine, "cpu")
    assert (again.made, again.quarantined) == (1, [])
    assert "quarantine" not in again.told("latents")
    assert read_quarantine(workspace.quarantine).entries == ()


def test_a_stop_leaves_whole_files_only_and_the_next_run_makes_the_rest(
    workspace: Workspace,
) -> None:
    clips, base = _clips(workspace), open_base("miniature", workspace.models)
    folder = workspace.latents / "market_floor"
    before = _files(folder)
    for path in before:
        path.unlink()

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise InterruptedRunError(f"stopped at {done} of {total}")

    with pytest.raises(InterruptedRunError, match=f"3 of {len(clips)}"):
        cache_latents(clips, base, workspace.root, workspace.quarantine, "cpu", stop)
    left = _files(folder)
    assert 0 < len(left) < len(before)
    assert left.items() <= before.items()
    assert {path for path in folder.iterdir() if path.suffix != ".json"} == set(left)
    assert _refresh(workspace) == (len(before) - len(left), len(left))
    assert _files(folder) == before


def test_a_refresh_with_nothing_changed_rewrites_no_file(workspace: Workspace) -> None:
    dataset, scenarios = read_dataset(workspace.dataset_file)

    def refresh() -> set[tuple[str, int, int]]:
        curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
        _refresh(workspace)
        files = (path for path in (workspace.root / "data").rglob("*") if path.is_file())
        return {(str(f), f.stat().st_mtime_ns, f.stat().st_ino) for f in files}

    before = refresh()
    assert any("/rejects/" in name for name, *_ in before)
    assert refresh() == before


def test_a_cancelled_caching_worker_blames_no_clip_and_goes_on_later(workspace: Workspace) -> None:
    """The signal that ends its decoders as well must not make sound clips look broken."""
    folder = workspace.latents / "market_floor"
    before = _files(folder)
    for path in before:
        path.unlink()
    worker = _begin_caching()
    wait_for(lambda: list(folder.glob("*.npz")), "something to be cached", every_s=0.02)
    os.killpg(worker.pid, signal.SIGTERM)
    assert workers.ended(worker).status == INTERRUPTED
    assert read_quarantine(workspace.quarantine).entries == ()
    assert len(list(folder.glob("*.npz"))) < len(before)
    assert workers.ended(_begin_caching()).status == 0
    assert _files(folder) == before


def _begin_caching() -> StartedWorker:
    arguments = ["latents", "--scenario", "market_floor"]
    return workers.begin("slora_assets.caches.command", arguments)
