"""What training reads is what caching wrote, from memory while there is room, never another's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.caches.reading import CacheReader
from slora_assets.caches.validity import latent_key, text_key, write_array
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import Clip
from slora_assets_tests.caches.made import GEOMETRY, IDENTITY, clip

CLIPS = [clip(name) for name in ("a", "b", "c")]
NBYTES = 2 * 4 * 3 * 8 * 12
"""Of each clip's moments."""


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    """A workspace with the moments of three clips."""
    workspace = Workspace(tmp_path, tmp_path / "configs", tmp_path / "configs" / "sample.yaml")
    for number, one in enumerate(CLIPS):
        _write(workspace, one, _moments(number))
    return workspace


def _moments(seed: int) -> NDArray[np.float16]:
    return np.random.default_rng(seed).normal(size=(4, 3, 8, 12)).astype(np.float16)


def _write(workspace: Workspace, one: Clip, moments: NDArray[np.float16]) -> None:
    key = latent_key(one, IDENTITY, GEOMETRY)
    write_array(workspace.root / one.latent, "moments", moments, key)


def _reader(workspace: Workspace, capacity_bytes: int = 0) -> CacheReader:
    return CacheReader(workspace, IDENTITY, GEOMETRY, capacity_bytes)


@pytest.mark.parametrize("capacity_bytes", [0, NBYTES - 1, NBYTES, 10 * NBYTES])
def test_what_is_read_is_what_was_written_however_little_memory_there_is(
    here: Workspace, capacity_bytes: int
) -> None:
    reader = _reader(here, capacity_bytes)
    embedding = np.random.default_rng(9).normal(size=(16, 32)).astype(np.float16)
    prompt = "a market"
    write_array(reader.embedding_file(prompt), "embedding", embedding, text_key(prompt, IDENTITY))
    for _ in range(2):
        for number, one in enumerate(CLIPS):
            assert np.array_equal(reader.moments(one), _moments(number))
        assert np.array_equal(reader.embedding(prompt), embedding)


def test_as_many_arrays_stay_in_memory_as_its_bytes_hold(here: Workspace) -> None:
    reader = _reader(here, 2 * NBYTES + NBYTES // 2)
    for one in CLIPS:
        reader.moments(one)
    for one in CLIPS:
        (here.root / one.latent).unlink()
    for number in (1, 2):
        assert np.array_equal(reader.moments(CLIPS[number]), _moments(number))
    with pytest.raises(MissingInputError):
        reader.moments(CLIPS[0])


def test_the_array_unused_for_longest_leaves_memory(here: Workspace) -> None:
    reader = _reader(here, 2 * NBYTES)
    for number in (0, 1, 0, 2):
        reader.moments(CLIPS[number])
    for one in CLIPS:
        (here.root / one.latent).unlink()
    assert np.array_equal(reader.moments(CLIPS[0]), _moments(0))
    with pytest.raises(MissingInputError):
        reader.moments(CLIPS[1])


def test_a_file_that_became_another_clips_is_refused_by_the_next_reader(here: Workspace) -> None:
    assert np.array_equal(_reader(here, NBYTES).moments(CLIPS[0]), _moments(0))
    other = CLIPS[0].model_copy(update={"sha256": "f" * 64})
    _write(here, other, _moments(7))
    with pytest.raises(IntegrityError, match="make preprocess") as caught:
        _reader(here, NBYTES).moments(CLIPS[0])
    assert caught.value.key == "clip"
    assert caught.value.file == here.root / CLIPS[0].latent


def test_moments_of_another_geometry_are_refused_though_the_clip_is_the_same(
    here: Workspace,
) -> None:
    longer = GEOMETRY.model_copy(update={"frames": 17})
    with pytest.raises(IntegrityError) as caught:
        CacheReader(here, IDENTITY, longer).moments(CLIPS[0])
    assert caught.value.key == "decode"


def test_what_is_lacking_is_counted_before_anything_is_read(here: Workspace) -> None:
    reader = _reader(here)
    empty = reader.embedding_file("")
    write_array(empty, "embedding", np.ones((2, 2), np.float16), text_key("", IDENTITY))
    reader.check_present(CLIPS, [])
    (here.root / CLIPS[1].latent).unlink()
    with pytest.raises(MissingInputError, match="2 cache files are missing") as caught:
        reader.check_present(CLIPS, ["a market"])
    assert caught.value.file == here.root / CLIPS[1].latent
    assert "make preprocess" in str(caught.value)
