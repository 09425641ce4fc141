"""Each prompt is embedded once, the empty one with them; only its own text encoder's file is read.

The text encoder is the miniature's own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.embeddings import cache_text, standing_text
from slora_assets.caches.reading import CacheReader
from slora_assets.caches.validity import text_file
from slora_assets.config.errors import IntegrityError, InterruptedRunError
from slora_assets.config.workspace import Workspace

PROMPTS = ["a red person moving left at the market", "a blue cart at the market"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> VideoBase:
    return open_base("miniature", tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "configs", tmp_path / "configs" / "sample.yaml")


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.npz")}


def test_every_prompt_and_the_empty_one_are_embedded_once(base: VideoBase, here: Workspace) -> None:
    folder = here.text_embeddings
    assert standing_text(PROMPTS, base, folder) is None
    first = cache_text([*PROMPTS, PROMPTS[0]], base, folder, "cpu")
    assert (first.made, first.kept) == (3, 0)
    wanted = {text_file(folder, prompt, base.identity()) for prompt in ("", *PROMPTS)}
    assert set(_files(folder)) == wanted
    one_more = cache_text([*PROMPTS, "a cart"], base, folder, "cpu")
    assert (one_more.made, one_more.kept) == (1, 3)
    assert one_more.hash != first.hash


def test_what_stands_is_said_as_if_it_had_been_made_now(base: VideoBase, here: Workspace) -> None:
    made = cache_text(PROMPTS, base, here.text_embeddings, "cpu")
    standing = standing_text(PROMPTS[::-1], base, here.text_embeddings)
    assert standing is not None
    assert (standing.made, standing.kept) == (0, made.made)
    assert standing.hash == made.hash


def test_a_damaged_or_absent_embedding_is_made_again_to_the_same_bytes(
    base: VideoBase, here: Workspace
) -> None:
    folder = here.text_embeddings
    made = cache_text(PROMPTS, base, folder, "cpu")
    before = _files(folder)
    torn, absent, _ = before
    torn.write_bytes(before[torn][: len(before[torn]) // 2])
    absent.unlink()
    assert standing_text(PROMPTS, base, folder) is None
    again = cache_text(PROMPTS, base, folder, "cpu")
    assert (again.made, again.kept, again.hash) == (2, 1, made.hash)
    assert _files(folder) == before


def test_a_file_of_another_text_encoder_is_refused_by_the_name_of_that_part(
    base: VideoBase, here: Workspace
) -> None:
    cache_text(PROMPTS, base, here.text_embeddings, "cpu")
    ours = base.identity()
    theirs = ours.model_copy(update={"parts": ours.parts | {"text_encoder": "0" * 64}})
    reader = CacheReader(here, theirs, base.geometry)
    target = reader.embedding_file(PROMPTS[0])
    assert not target.exists(), "each text encoder has a folder of its own"
    target.parent.mkdir()
    shutil.copy(CacheReader(here, ours, base.geometry).embedding_file(PROMPTS[0]), target)
    with pytest.raises(IntegrityError) as caught:
        reader.embedding(PROMPTS[0])
    assert caught.value.key == "text_encoder"


def test_an_embedding_says_what_the_text_encoder_says(base: VideoBase, here: Workspace) -> None:
    cache_text(PROMPTS, base, here.text_embeddings, "cpu")
    reader = CacheReader(here, base.identity(), base.geometry)
    encoder = base.load_text_encoder("cpu")
    found = np.stack([reader.embedding(prompt) for prompt in PROMPTS])
    assert found.shape[1:] == base.text_shape()
    assert np.array_equal(found, base.encode_text(encoder, PROMPTS))


def test_a_stop_between_two_batches_leaves_whole_files_to_go_on_from(
    base: VideoBase, here: Workspace
) -> None:
    prompts = [f"cart {number}" for number in range(40)]

    def stop(done: int, total: int) -> None:
        raise InterruptedRunError(f"stopped at {done} of {total}")

    with pytest.raises(InterruptedRunError, match="of 41") as stopped:
        cache_text(prompts, base, here.text_embeddings, "cpu", stop)
    left = _files(here.text_embeddings)
    assert 0 < len(left) < 41 and f"at {len(left)} of" in str(stopped.value)
    rest = cache_text(prompts, base, here.text_embeddings, "cpu")
    assert (rest.made, rest.kept) == (41 - len(left), len(left))
    assert left.items() <= _files(here.text_embeddings).items()
