"""CLIPSIM with the miniature's scorer: what it computes and what it refuses to load."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from slora_assets.config.errors import (
    ConfigError,
    FootageError,
    IntegrityError,
    MissingInputError,
    SloraError,
)
from slora_assets.miniature.weights.build import build_scorer
from slora_assets.validation.metrics.clip_similarity import (
    ClipScorer,
    load_named_scorer,
    load_scorer,
)
from slora_assets_tests.workspaces import rewrite

TEXT = "a red ball rolls over the grass"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer folder with random weights; read only."""
    path = tmp_path_factory.mktemp("scorer") / "clip"
    build_scorer(path, seed=0)
    return path


@pytest.fixture(scope="module")
def scorer(folder: Path) -> ClipScorer:
    return load_scorer(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A scorer folder to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "clip"))


def noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 96, 3), dtype=np.uint8)


def test_the_score_is_the_mean_cosine_that_open_clip_gives(
    folder: Path, scorer: ClipScorer
) -> None:
    frames = noise(3)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    with torch.inference_mode():
        text = model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")([TEXT]))
        images = model.encode_image(torch.stack([preprocess(Image.fromarray(f)) for f in frames]))
        expected = torch.nn.functional.cosine_similarity(text, images).mean()
    assert scorer.score(frames, TEXT) == pytest.approx(float(expected), abs=1e-6)


def test_a_long_clip_scores_the_mean_of_its_frames(scorer: ClipScorer) -> None:
    frames = noise(40)
    single = [scorer.score(frames[i : i + 1], TEXT) for i in range(40)]
    assert scorer.score(frames, TEXT) == pytest.approx(float(np.mean(single)), abs=1e-6)


def test_embeddings_of_frames_are_those_that_the_score_is_made_of(scorer: ClipScorer) -> None:
    frames = noise(40)
    rows = scorer.embed(frames)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(40))
    assert scorer.embed(frames[:2]) == pytest.approx(rows[:2], abs=1e-6)
    assert rows[0] @ rows[1] < 0.999999
    with pytest.raises(FootageError, match="uint8"):
        scorer.embed(frames[0])


def test_the_score_is_repeatable_and_depends_on_text_and_frames(scorer: ClipScorer) -> None:
    score = scorer.score(noise(2), TEXT)
    assert -1 <= score <= 1
    assert scorer.score(noise(2), TEXT) == score
    assert scorer.score(noise(2), "a boat on a lake") != score
    assert scorer.score(noise(2, seed=1), TEXT) != score


def test_several_texts_at_once_score_what_each_scores_alone(folder: Path) -> None:
    texts = [TEXT, "a boat on a lake", "", TEXT]
    together = load_scorer(folder).scores(noise(3), texts)
    alone = [load_scorer(folder).score(noise(3), text) for text in texts]
    # Some processors multiply a matrix of several rows in another order than one of one row.
    assert together == pytest.approx(alone, rel=1e-6)
    assert together[0] == together[3] != together[1]


def test_the_identity_says_what_scored_and_that_it_is_untrained(
    scorer: ClipScorer, tmp_path: Path
) -> None:
    assert scorer.identity.trained is False
    assert scorer.identity.name and scorer.identity.revision and scorer.identity.licence
    build_scorer(tmp_path / "same", seed=0)
    build_scorer(tmp_path / "other", seed=1)
    assert load_scorer(tmp_path / "same").identity == scorer.identity
    other = load_scorer(tmp_path / "other").identity
    assert other.weights_sha256 != scorer.identity.weights_sha256


def test_one_flipped_bit_in_the_weights_is_refused_by_name(copy: Path) -> None:
    weights = copy / "open_clip_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"open_clip_model\.safetensors") as caught:
        load_scorer(copy)
    assert caught.value.file == weights


def test_a_pickle_beside_the_weights_is_not_read(copy: Path) -> None:
    (copy / "open_clip_pytorch_model.bin").write_bytes(b"not to be opened")
    assert load_scorer(copy).score(noise(1), TEXT) != 0


def test_weights_the_card_does_not_vouch_for_are_refused(copy: Path) -> None:
    rewrite(copy / "slora.json", lambda card: card.update(weights={}))
    with pytest.raises(IntegrityError, match="doesn't vouch"):
        load_scorer(copy)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/hostname"])
def test_the_card_may_not_point_outside_its_folder(copy: Path, name: str) -> None:
    rewrite(copy / "slora.json", lambda card: card["weights"].update({name: "0" * 64}))
    with pytest.raises(IntegrityError, match="inside the folder"):
        load_scorer(copy)


@pytest.mark.parametrize("missing", ["trained", "revision", "weights"])
def test_a_card_with_a_key_missing_is_refused_by_key(copy: Path, missing: str) -> None:
    rewrite(copy / "slora.json", lambda card: card.pop(missing))
    with pytest.raises(IntegrityError) as caught:
        load_scorer(copy)
    assert caught.value.key == missing


@pytest.mark.parametrize(
    "name", ["slora.json", "open_clip_config.json", "open_clip_model.safetensors"]
)
def test_an_absent_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(MissingInputError) as caught:
        load_scorer(copy)
    assert caught.value.file == copy / name


def test_a_configuration_of_another_model_is_refused(copy: Path) -> None:
    rewrite(copy / "open_clip_config.json", lambda c: c["model_cfg"].update(embed_dim=24))
    with pytest.raises(IntegrityError, match="don't fit"):
        load_scorer(copy)


def test_a_broken_configuration_is_refused(copy: Path) -> None:
    rewrite(copy / "open_clip_config.json", lambda c: c.pop("model_cfg"))
    with pytest.raises(IntegrityError, match="can't build"):
        load_scorer(copy)


@pytest.mark.parametrize("shape", [(0, 64, 96, 3), (64, 96, 3), (2, 64, 96, 1)])
def test_other_shapes_are_refused(scorer: ClipScorer, shape: tuple[int, ...]) -> None:
    with pytest.raises(FootageError) as caught:
        scorer.score(np.zeros(shape, dtype=np.uint8), TEXT)
    assert caught.value.reason == "bad_shape"


@pytest.mark.parametrize("pair", ["ViT-B-32", "ViT-B-32:no_such_tag", "NoSuchModel:openai", ""])
def test_names_open_clip_does_not_know_are_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="knows no such scorer"):
        load_named_scorer(pair)


def test_a_named_scorer_that_comes_as_a_pickle_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The download is replaced: what counts is that its result is never opened."""
    monkeypatch.setattr(open_clip, "download_pretrained", lambda cfg: str(tmp_path / "model.pt"))
    with pytest.raises(IntegrityError, match="pickle"):
        load_named_scorer("ViT-B-32:laion2b_s34b_b79k")


def test_a_named_scorer_without_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(cfg: object) -> str:
        raise FileNotFoundError("no network")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(SloraError, match="can't be downloaded"):
        load_named_scorer("ViT-B-32:laion2b_s34b_b79k")
