"""Which bases are opened, and which are refused before anything of them is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from slora_assets.base_models.catalogue import LICENCES, MINIATURE, open_base
from slora_assets.config.errors import (
    ConfigError,
    IntegrityError,
    MissingInputError,
    SloraError,
)
from slora_assets.config.training import TrainingSettings
from slora_assets.config.yaml_reader import read_settings
from slora_assets.miniature.weights.build import build_base, build_scorer
from slora_assets.validation.metrics.clip_similarity import load_scorer
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.sampling import UNTRAINED, Scoring
from slora_assets_tests.base_models.small import (
    COGVIDEOX,
    COGVIDEOX_1_5,
    COGVIDEOX_5B,
    LTX,
    WAN,
    write_base,
)
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.workspaces import rewrite


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with random weights; read only."""
    folder = tmp_path_factory.mktemp("models") / "base"
    build_base(folder)
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A base to spoil."""
    return Path(shutil.copytree(built, tmp_path / "base"))


def test_the_shipped_miniature_opens_without_a_hub(tmp_path: Path) -> None:
    identity = open_base(MINIATURE, tmp_path).identity()
    assert identity.name == "slora-miniature"
    assert open_scorer(MINIATURE, tmp_path, "cpu").identity.trained
    assert set(identity.parts) == {"text_encoder", "transformer", "vae"}


def test_one_flipped_bit_in_the_weights_is_refused_by_name(folder: Path) -> None:
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        open_base(str(folder), folder.parent)
    assert caught.value.file == weights


def test_another_pipeline_s_folder_is_refused_with_its_class(folder: Path) -> None:
    rewrite(folder / "model_index.json", lambda c: c.update(_class_name="HunyuanVideoPipeline"))
    with pytest.raises(ConfigError, match=r"HunyuanVideoPipeline.*base_models\.md"):
        open_base(str(folder), folder.parent)


@pytest.mark.parametrize("change", [{"ofs_embed_dim": 512}, {"in_channels": 32}])
def test_an_image_to_video_base_is_refused_with_a_remedy(
    folder: Path, change: dict[str, int]
) -> None:
    rewrite(folder / "transformer" / "config.json", lambda c: c.update(change))
    with pytest.raises(ConfigError, match="text-to-video checkpoint"):
        open_base(str(folder), folder.parent)


def test_a_card_with_clips_that_the_base_can_not_make_is_refused(folder: Path) -> None:
    rewrite(folder / "slora.json", lambda c: c["geometry"].update(frames=10))
    with pytest.raises(ConfigError, match="a multiple of 4 frames and one more"):
        open_base(str(folder), folder.parent)


@pytest.mark.parametrize(
    ("kind", "part", "change"),
    [
        (WAN, "model_index.json", {"expand_timesteps": True}),
        (WAN, "model_index.json", {"boundary_ratio": 0.875}),
        (WAN, "transformer/config.json", {"image_dim": 1280}),
        (LTX, "transformer/config.json", {"patch_size": 2}),
    ],
)
def test_variants_that_the_loss_is_not_written_for_are_refused(
    tmp_path: Path, kind: str, part: str, change: dict[str, object]
) -> None:
    folder = write_base(kind, tmp_path / kind)
    rewrite(folder / part, lambda c: c.update(change))
    with pytest.raises(ConfigError, match=next(iter(change))):
        open_base(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("kind", "frames", "size", "fps", "dtype"),
    [
        (COGVIDEOX, 49, (480, 720), 8, "float16"),
        (COGVIDEOX_5B, 49, (480, 720), 8, "bfloat16"),
        (COGVIDEOX_1_5, 81, (768, 1360), 16, "bfloat16"),
        (WAN, 81, (480, 832), 16, "bfloat16"),
        (LTX, 161, (512, 704), 25, "bfloat16"),
    ],
)
def test_a_folder_without_a_card_is_known_by_its_configuration(
    tmp_path: Path, kind: str, frames: int, size: tuple[int, int], fps: int, dtype: str
) -> None:
    folder = write_base(kind, tmp_path / kind)
    (folder / "slora.json").unlink()
    base = open_base(str(folder), tmp_path)
    g = base.geometry
    assert (g.frames, (g.height, g.width), g.fps) == (frames, size, fps)
    assert (base.inference.steps, base.inference.dtype) == (50, dtype)
    assert base.identity().licence == "not stated"


@pytest.mark.parametrize(
    ("recipe", "precision"),
    [
        ("cogvideox_2b", "fp16"),
        ("cogvideox_5b", "bf16"),
        ("cogvideox_1_5_5b", "bf16"),
        ("wan_2_1_1_3b", "bf16"),
        ("ltx_video", "bf16"),
    ],
)
def test_a_shipped_recipe_names_a_known_base_and_its_precision(recipe: str, precision: str) -> None:
    settings = read_settings(PROJECT / f"configs/training/{recipe}.yaml", TrainingSettings)
    assert settings.base_model in LICENCES
    assert settings.precision == precision


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model_index.json", b"{"),
        ("model_index.json", b"[]"),
        ("model_index.json", b'{"_class_name": ["CogVideoXPipeline"]}'),
        ("transformer/config.json", b"\xff\xfe"),
        ("vae/config.json", b"{}"),
        ("vae/config.json", b"[" * 100_000),
        ("slora.json", b"3"),
        ("slora.json", b'{"weights": 3}'),
        ("slora.json", b'{"weights": {}, "geometry": {"frames": "many"}}'),
    ],
)
def test_a_damaged_configuration_is_one_sentence_with_its_place(
    folder: Path, file: str, content: bytes
) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(SloraError, match=r"Remedy|expected") as caught:
        open_base(str(folder), folder.parent)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["THUDM/CogVideoX-2b", "Lightricks/LTX-Video"])
def test_a_base_that_is_not_here_while_offline_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As HF_HUB_OFFLINE=1 does, which the hub's library reads when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingInputError, match="go online once") as caught:
        open_base(name, tmp_path)
    assert (caught.value.key, caught.value.found) == ("base_model", name)
    assert "\n" not in str(caught.value)


def test_unknown_names_and_empty_folders_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="THUDM/CogVideoX-2b"):
        open_base("someone/something", tmp_path)
    with pytest.raises(MissingInputError, match="name the pipeline's folder"):
        open_base(str(tmp_path), tmp_path)


def test_tensors_that_are_no_adapter_are_refused_not_loaded_without_effect(
    built: Path, tmp_path: Path
) -> None:
    base = open_base(str(built), tmp_path)
    path = tmp_path / "adapter.safetensors"
    save_file({"transformer.blocks.0.weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(IntegrityError, match="without effect"):
        base.load_adapter(base.pipeline("cpu", "float32"), path, "any")


def test_scores_of_random_weights_are_labelled(built: Path, tmp_path: Path) -> None:
    build_scorer(tmp_path / "scorer")
    labels = []
    for scorer in (load_scorer(tmp_path / "scorer"), open_scorer(MINIATURE, tmp_path, "cpu")):
        scoring = Scoring(open_base(str(built), tmp_path), scorer, {}, {})
        labels.append(scoring.trusted())
    assert labels == [(False, UNTRAINED), (False, "the base is not fully trained")]
