"""A cache file's key changes with everything that its bytes depend on, and with nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slora_assets.caches.first_frames import frame_key
from slora_assets.caches.validity import (
    Verified,
    keys_hash,
    latent_key,
    read_array,
    text_file,
    text_key,
    write_array,
)
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets_tests.caches.made import GEOMETRY, IDENTITY, clip

CLIP: dict[str, Any] = {
    "sha256": "1d" * 32,
    "start_s": 0.25,
    "end_s": 4.0,
    "id": "another",
    "source_group": "another",
    "captions": ["another"],
    "prompts": ["another"],
    "split": "validation",
    "scenario": "stage",
    "first_frame": "elsewhere.png",
    "latent": "elsewhere.npz",
    "path": "elsewhere.mp4",
}
IDENTITIES: dict[str, Any] = {
    "name": "small",
    "revision": "r2",
    "licence": "MIT",
    "trained": False,
    "vae": "1a" * 32,
    "text_encoder": "1b" * 32,
    "transformer": "1c" * 32,
}
GEOMETRIES: dict[str, Any] = {"frames": 17, "height": 128, "width": 128, "fps": 16.0}

MOMENTS_DEPEND_ON = {"sha256", "start_s", "end_s", "name", "revision", "vae", *GEOMETRIES}
EMBEDDINGS_DEPEND_ON = {"name", "revision", "text_encoder"}
FRAMES_DEPEND_ON = {"sha256", "start_s"}

any_changes = st.sets(st.sampled_from([*CLIP, *IDENTITIES, *GEOMETRIES]))


def _keys(changed: set[str]) -> dict[str, object]:
    """All three keys, after some things have changed."""

    def of(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in changed & values.keys()}

    about = of(IDENTITIES)
    parts = {name: about.pop(name) for name in IDENTITY.parts if name in about}
    identity = IDENTITY.model_copy(update=about | {"parts": IDENTITY.parts | parts})
    geometry = GEOMETRY.model_copy(update=of(GEOMETRIES))
    one = clip().model_copy(update=of(CLIP))
    return {
        "moments": latent_key(one, identity, geometry),
        "embedding": text_key("a market", identity),
        "frame": frame_key(one),
    }


@given(any_changes)
def test_a_key_changes_with_what_the_bytes_depend_on_and_with_nothing_else(
    changed: set[str],
) -> None:
    before, after = _keys(set()), _keys(changed)
    assert (after["moments"] != before["moments"]) is bool(changed & MOMENTS_DEPEND_ON)
    assert (after["embedding"] != before["embedding"]) is bool(changed & EMBEDDINGS_DEPEND_ON)
    assert (after["frame"] != before["frame"]) is bool(changed & FRAMES_DEPEND_ON)


@given(st.text(), st.text())
def test_two_prompts_never_share_a_key_or_a_file(one: str, other: str) -> None:
    shared = one == other
    assert (text_key(one, IDENTITY) == text_key(other, IDENTITY)) is shared
    folder = Path("text")
    assert (text_file(folder, one, IDENTITY) == text_file(folder, other, IDENTITY)) is shared


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from([{"clip": "0"}, {"clip": "1"}])))
def test_the_data_version_changes_with_each_key_and_not_with_their_order(
    keys: dict[str, dict[str, str]],
) -> None:
    assert keys_hash(dict(reversed(keys.items()))) == keys_hash(keys)
    for name in keys:
        assert keys_hash(keys | {name: {"clip": "2"}}) != keys_hash(keys)
        assert keys_hash({n: key for n, key in keys.items() if n != name}) != keys_hash(keys)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_never_written(tmp_path: Path, number: float) -> None:
    path = tmp_path / "clip.npz"
    moments = np.zeros((2, 1, 2, 2), np.float16)
    moments[1, 0, 1, 1] = number
    with pytest.raises(IntegrityError, match="NaN or infinity") as caught:
        write_array(path, "moments", moments, {})
    assert caught.value.file == path
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_read_again_and_equal_arrays_are_equal_files(tmp_path: Path) -> None:
    key = latent_key(clip(), IDENTITY, GEOMETRY)
    moments = np.random.default_rng(0).normal(size=(4, 3, 8, 12)).astype(np.float16)
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"
    for path in (one, other):
        write_array(path, "moments", moments, key)
    assert one.read_bytes() == other.read_bytes()
    found = read_array(one, "moments", key, "")
    assert found.dtype == np.float16
    assert np.array_equal(found, moments)


def test_an_absent_a_torn_and_a_foreign_file_are_told_apart(tmp_path: Path) -> None:
    key = text_key("a market", IDENTITY)
    path = tmp_path / "file.npz"
    with pytest.raises(MissingInputError, match="make preprocess"):
        read_array(path, "embedding", key, "run `make preprocess`")
    write_array(path, "embedding", np.ones((2, 3), np.float16), key)
    with pytest.raises(IntegrityError) as caught:
        read_array(path, "embedding", key | {"revision": "r2"}, "")
    assert (caught.value.key, caught.value.found) == ("revision", {"revision": "r1"})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(IntegrityError, match="damaged"):
        read_array(path, "embedding", key, "")


def test_what_was_read_whole_once_is_known_to_the_next_process_until_it_changes(
    tmp_path: Path,
) -> None:
    key, path = {"clip": "0"}, tmp_path / "clip.npz"
    array = np.ones((2, 1, 2, 3), np.float16)
    write_array(path, "moments", array, key)
    first = Verified(tmp_path, "moments")
    assert first.shape(path, key, "") == array.shape
    first.save()
    assert Verified(tmp_path, "moments").stands(path, key)
    assert not Verified(tmp_path, "moments").stands(path, {"clip": "1"})
    path.write_bytes(path.read_bytes()[:-30])
    assert not Verified(tmp_path, "moments").stands(path, key)
