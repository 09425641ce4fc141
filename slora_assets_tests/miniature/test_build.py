"""The built miniature loads through unmodified libraries, and equal seeds give equal bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.miniature.weights.architecture import FRAMES, HEIGHT, TEXT_LENGTH, WIDTH
from slora_assets.miniature.weights.build import CARD, build_base, build_scorer
from slora_assets.miniature.weights.tokens import tokenizer
from slora_assets.provenance import read_json, sha256_file


def contents(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): sha256_file(file) for file in files}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature") / "base"
    build_base(folder)
    return folder


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature") / "scorer"
    build_scorer(folder)
    return folder


def test_unmodified_pipeline_generates_a_clip_of_the_stated_geometry(base: Path) -> None:
    import numpy as np
    import torch
    from diffusers import CogVideoXPipeline

    pipeline = CogVideoXPipeline.from_pretrained(base, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    frames = pipeline(
        "a red cart moves to the left",
        num_inference_steps=2,
        max_sequence_length=TEXT_LENGTH,
        output_type="np",
    ).frames
    assert frames.shape == (1, FRAMES, HEIGHT, WIDTH, 3)
    assert np.isfinite(frames).all()


def test_unmodified_open_clip_loads_the_scorer(scorer: Path) -> None:
    import open_clip
    import torch
    from PIL import Image

    name = f"local-dir:{scorer}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    tokens = open_clip.get_tokenizer(name)(["a red cart moves to the left", "a blue car"])
    with torch.no_grad():
        image = model.encode_image(preprocess(Image.new("RGB", (720, 480), "red"))[None])
        text = model.encode_text(tokens)
    assert image.shape == (1, 128)
    assert text.shape == (2, 128)
    assert not torch.equal(text[0], text[1])


def test_equal_seeds_give_equal_bytes_and_others_do_not(
    base: Path, scorer: Path, tmp_path: Path
) -> None:
    build_base(tmp_path / "again")
    build_base(tmp_path / "other", seed=1)
    build_scorer(tmp_path / "scorer")
    assert contents(tmp_path / "again") == contents(base)
    assert contents(tmp_path / "other") != contents(base)
    assert contents(tmp_path / "scorer") == contents(scorer)


def test_card_hashes_every_weights_file(base: Path) -> None:
    card = read_json(base / CARD, remedy="build it")
    assert isinstance(card, dict)
    assert card["trained"] is False
    assert sorted(card["weights"]) == [
        "text_encoder/model.safetensors",
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert all(sha256_file(base / name) == digest for name, digest in card["weights"].items())


def test_known_words_are_single_tokens_and_any_ascii_survives() -> None:
    words = tokenizer()
    known = words("a red cart moves to the left").input_ids
    assert len(known) == 8
    strange = words("Zyx-42 {qwop}!").input_ids
    assert words.unk_token_id not in strange
    assert words.decode(strange, skip_special_tokens=True) == "Zyx-42 {qwop}!"
