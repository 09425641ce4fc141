"""In shards arrays are what they were in files of their own: found, refused, gone on with, gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches import latents, stores
from slora_assets.caches.inspection import inspect_latents
from slora_assets.caches.latents import cache_latents, standing_latents
from slora_assets.caches.reading import Array, CacheReader
from slora_assets.caches.scenario import CACHES, ScenarioCache
from slora_assets.caches.shard_erasure import all_shards, take_out
from slora_assets.caches.shard_file import Shard, open_shard, write_shard
from slora_assets.caches.shards import shard_files
from slora_assets.caches.validity import Key
from slora_assets.config.errors import IntegrityError, InterruptedRunError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import current_manifest
from slora_assets.documents import Clip
from slora_assets.governance.verification.link import Link
from slora_assets.governance.verification.verify import verify
from slora_assets_tests.caches.made import move_into_shards, own_files, sharded

SCENARIO = "market_floor"
IN_A_SHARD = 4


def _array(seed: int) -> tuple[Array, Key]:
    return np.random.default_rng(seed).normal(size=(4, 3, 2)).astype(np.float16), {"made": seed}


def _three() -> dict[str, tuple[Array, Key]]:
    return {name: _array(seed) for seed, name in enumerate("abc")}


def test_equal_arrays_give_equal_files_whatever_order_they_come_in(tmp_path: Path) -> None:
    arrays = _three()
    one = write_shard(tmp_path / "one", arrays)
    other = write_shard(tmp_path / "other", dict(reversed(arrays.items())))
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())
    shard = open_shard(one)
    for name, (array, key) in arrays.items():
        assert np.array_equal(shard.read(name), array) and shard.entries[name].key == key
    fewer = write_shard(tmp_path / "one", {"a": arrays["a"]})
    assert fewer != one and one.read_bytes() == other.read_bytes()
    changed = arrays | {"a": (arrays["a"][0] + np.float16(1), arrays["a"][1])}
    assert write_shard(tmp_path / "one", changed) not in (one, fewer)


def test_a_byte_that_was_changed_is_told_by_the_array_that_has_it(tmp_path: Path) -> None:
    file = write_shard(tmp_path, _three())
    data = bytearray(file.read_bytes())
    data[open_shard(file).entries["b"].offset] ^= 1
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match="not the one that was encoded") as caught:
        open_shard(file).read("b")
    assert (caught.value.file, caught.value.key) == (file, "b")
    assert np.array_equal(open_shard(file).read("c"), _three()["c"][0])
    with pytest.raises(MissingInputError):
        open_shard(file).read("d")


@pytest.mark.parametrize("bytes_left", [0, 7, 100, -1])
def test_a_torn_shard_is_none_and_is_written_again(tmp_path: Path, bytes_left: int) -> None:
    file = write_shard(tmp_path, _three())
    whole = file.read_bytes()
    file.write_bytes(whole[:bytes_left])
    with pytest.raises(IntegrityError):
        open_shard(file)
    assert write_shard(tmp_path, _three()).read_bytes() == whole


def _clips(workspace: Workspace) -> list[Clip]:
    return current_manifest(workspace, SCENARIO).usable()


def _broken(workspace: Workspace) -> list[Link]:
    indexes = (workspace.cache_index(name, SCENARIO) for name in ("latents", "prompt_embeddings"))
    return [link for index in indexes for link in verify(workspace, index, far=False).broken()]


def _read(workspace: Workspace) -> Iterator[bytes]:
    base = open_base("miniature", workspace.models)
    reader = CacheReader(workspace, base.identity(), base.geometry)
    reader.check_present(_clips(workspace), ())
    for clip in _clips(workspace):
        for _ in range(2):
            yield reader.moments(clip).tobytes()
        yield from (reader.embedding(prompt).tobytes() for prompt in ("", *clip.prompts))


@pytest.fixture
def packed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """All in shards of four, and no file of its own left."""
    monkeypatch.setattr(stores, "_MOST", IN_A_SHARD)
    move_into_shards(workspace, SCENARIO)
    return workspace


def _full(shards: Iterable[Shard]) -> list[Shard]:
    """The last one has fewer arrays, and lies anywhere among them: shards are named by hash."""
    return [one for one in shards if len(one.entries) == IN_A_SHARD]


def test_what_stands_in_files_is_taken_over_into_shards_and_back_and_reads_the_same(
    workspace: Workspace, packed: Workspace, prepared_root: Path
) -> None:
    before = {
        workspace.root / path.relative_to(prepared_root): path.read_bytes()
        for path in (prepared_root / "data" / "prepared").rglob("*.npz")
    }
    shards = shard_files(workspace.latents / SCENARIO)
    assert len(shards) == -(-len(_clips(workspace)) // IN_A_SHARD)
    from_shards = list(_read(workspace))
    assert _broken(workspace) == []
    stood = [ScenarioCache(name, workspace, SCENARIO).standing() for name in CACHES]
    assert all(one is not None and one.made == 0 for one in stood)
    sharded(workspace, 0)
    again = [ScenarioCache(name, workspace, SCENARIO).standing() for name in CACHES]
    assert again == stood
    assert before == {path: path.read_bytes() for path in own_files(workspace)}
    assert list(_read(workspace)) == from_shards


def test_an_array_exchanged_under_its_key_is_refused_whoever_wrote_its_hash(
    packed: Workspace,
) -> None:
    """A shard that says of itself that it is whole, and isn't the one that is on record."""
    base = open_base("miniature", packed.models)
    victim = _clips(packed)[0]
    file = next(s for s in all_shards(packed.latents) if victim.id in s.entries)
    arrays = {name: (file.read(name), one.key) for name, one in file.entries.items()}
    forged = arrays[victim.id][0] + np.float16(1)
    other = write_shard(packed.root / "other", arrays | {victim.id: (forged, arrays[victim.id][1])})
    file.path.write_bytes(other.read_bytes())
    reader = CacheReader(packed, base.identity(), base.geometry)
    with pytest.raises(IntegrityError, match="not the one that was encoded"):
        reader.moments(victim)
    file.path.unlink()
    with pytest.raises(MissingInputError, match=f"{len(arrays)} cache files are missing"):
        CacheReader(packed, base.identity(), base.geometry).check_present(_clips(packed), ())


def test_encoding_goes_on_after_the_last_whole_shard_and_ends_with_the_same_files(
    packed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, base = _clips(packed), open_base("miniature", packed.models)
    monkeypatch.setattr(latents, "passes_at_once", lambda *_: 1)
    folder = packed.latents / SCENARIO
    before = {path: path.read_bytes() for path in shard_files(folder)}
    for path in before:
        path.unlink()

    def stop(done: int, total: int) -> None:
        if done == IN_A_SHARD + 2:
            raise InterruptedRunError(f"stopped at {done} of {total}")

    rest = (base, packed.root, packed.quarantine, "cpu")
    assert standing_latents(clips, *rest[:3], shard_mib=1) is None
    with pytest.raises(InterruptedRunError):
        cache_latents(clips, *rest, progress=stop, shard_mib=1)
    left = {path: path.read_bytes() for path in shard_files(folder)}
    assert len(left) == 1 and left.items() <= before.items()
    made = cache_latents(clips, *rest, shard_mib=1)
    assert (made.made, made.kept) == (len(clips) - IN_A_SHARD, IN_A_SHARD)
    assert {path: path.read_bytes() for path in shard_files(folder)} == before
    assert inspect_latents(clips, *rest[:2], shard_mib=1).wrong == {}
    _full(all_shards(packed.latents))[0].path.write_bytes(b"torn")
    assert len(inspect_latents(clips, *rest[:2], shard_mib=1).wrong) == IN_A_SHARD
    assert cache_latents(clips, *rest, shard_mib=1).made == IN_A_SHARD
    assert {path: path.read_bytes() for path in shard_files(folder)} == before


def test_what_is_taken_out_leaves_the_shard_that_the_others_alone_would_have(
    packed: Workspace,
) -> None:
    shards = list(all_shards(packed.latents))
    first = _full(shards)[0]
    others = [one for one in shards if one.path != first.path]
    gone, *left = sorted(first.entries)
    alone = write_shard(
        packed.root / "alone", {n: (first.read(n), first.entries[n].key) for n in left}
    )
    before = {clip.id for clip in _clips(packed)}
    for _ in range(2):  # the second finds nothing left to do
        take_out(packed, {first.path: {gone}} if first.path.exists() else {})
    now = {shard.path: shard for shard in all_shards(packed.latents)}
    assert now.keys() == {one.path for one in others} | {first.path.with_name(alone.name)}
    assert first.path.with_name(alone.name).read_bytes() == alone.read_bytes()
    assert {name for shard in now.values() for name in shard.entries} == before - {gone}
    assert _broken(packed) == []
    with pytest.raises(MissingInputError, match="1 cache files are missing"):
        list(_read(packed))
