"""Adapters change names and nothing else, and come back as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from slora_assets.adapter_files.conversion import CONVERSION, convert, read_adapter
from slora_assets.adapter_files.naming import ARCHITECTURES, Naming
from slora_assets.adapter_files.tensor_file import RawTensor, read_tensors, write_tensors
from slora_assets.config.errors import IntegrityError
from slora_assets_tests.adapter_files.made import (
    ATTENTION,
    FOREIGN,
    Arrays,
    adapter,
    header,
    layers_of,
)


@pytest.mark.parametrize("naming", [Naming.KOHYA, Naming.COMFYUI])
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_no_two_layers_of_a_base_share_a_name_and_each_is_found_again(
    name: str, naming: Naming
) -> None:
    known, paths = ARCHITECTURES[name], layers_of(name, blocks=13)
    names = [known.name_of(path, naming) for path in paths]
    assert len(set(names)) == len(names) and None not in names
    assert [known.path_of(str(found), naming) for found in names] == paths


@pytest.mark.parametrize(
    ("layer", "kohya", "comfyui"),
    [
        (
            "transformer_blocks.3.attn1.to_out.0",
            "lora_unet_transformer_blocks_3_attn1_to_out_0",
            "diffusion_model.blocks.3.attn_out",
        ),
        (
            "transformer_blocks.3.attn2.to_q",
            "lora_unet_transformer_blocks_3_attn2_to_q",
            "diffusion_model.transformer_blocks.3.attn2.to_q",
        ),
        (
            "blocks.12.attn2.to_out.0",
            "lora_unet_blocks_12_cross_attn_o",
            "diffusion_model.blocks.12.cross_attn.o",
        ),
        ("blocks.0.ffn.net.2", "lora_unet_blocks_0_ffn_2", "diffusion_model.blocks.0.ffn.2"),
    ],
)
def test_tensors_are_called_as_the_other_programs_call_them(
    tmp_path: Path, layer: str, kohya: str, comfyui: str
) -> None:
    source = adapter(tmp_path / "a", [layer], rank=2, alpha=0.5)
    convert(source, Naming.KOHYA, tmp_path / "k")
    convert(source, Naming.COMFYUI, tmp_path / "c")
    kohya_file = safetensors.numpy.load_file(tmp_path / "k")
    parts = ("alpha", "lora_down.weight", "lora_up.weight")
    assert sorted(kohya_file) == [f"{kohya}.{part}" for part in parts]
    assert kohya_file[f"{kohya}.alpha"] == 0.5
    parts = ("alpha", "lora_A.weight", "lora_B.weight")
    comfyui_file = safetensors.numpy.load_file(tmp_path / "c")
    assert sorted(comfyui_file) == [f"{comfyui}.{part}" for part in parts]
    original = safetensors.numpy.load_file(source)
    for found in (kohya_file[f"{kohya}.lora_up.weight"], comfyui_file[f"{comfyui}.lora_B.weight"]):
        np.testing.assert_array_equal(found, original[f"transformer.{layer}.lora_B.weight"])


@st.composite
def adapters(draw: st.DrawFn) -> tuple[dict[str, RawTensor], dict[str, str]]:
    name = draw(st.sampled_from(list(ARCHITECTURES)))
    paths = draw(
        st.lists(st.sampled_from(layers_of(name, 12)), min_size=1, max_size=5, unique=True)
    )
    dtype, size = draw(st.sampled_from([("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8)]))
    rank, alpha = draw(st.integers(1, 4)), draw(st.floats(0.001, 1000))
    tensors = {}
    for path in paths:
        for part, shape in (("A", (rank, 3)), ("B", (2, rank))):
            # Bytes below 0x70 make no infinity and no NaN in any of the types.
            data = draw(
                st.lists(st.integers(0, 0x70), min_size=6 * rank * size, max_size=6 * rank * size)
            )
            count = shape[0] * shape[1] * size
            tensors[f"transformer.{path}.lora_{part}.weight"] = RawTensor(
                dtype, shape, bytes(data[:count])
            )
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    metadata = draw(
        st.dictionaries(st.from_regex(r"(slora|ss)\.[a-z_]{1,8}", fullmatch=True), text)
    )
    if draw(st.booleans()):
        config = {"transformer.r": rank, "transformer.lora_alpha": alpha}
        metadata["lora_adapter_metadata"] = json.dumps(config)
    return tensors, metadata


@settings(max_examples=40)
@given(adapters(), st.permutations(FOREIGN))
def test_there_and_back_is_the_same_file(
    tmp_path_factory: pytest.TempPathFactory,
    content: tuple[dict[str, RawTensor], dict[str, str]],
    way: list[Naming],
) -> None:
    folder = tmp_path_factory.mktemp("way")
    write_tensors(folder / "0", *content)
    for number, naming in enumerate([*way, Naming.DIFFUSERS]):
        convert(folder / str(number), naming, folder / str(number + 1))
    assert read_tensors(folder / "3") == content
    assert (folder / "3").read_bytes() == (folder / "0").read_bytes()


@pytest.mark.parametrize("naming", FOREIGN)
def test_the_header_says_what_it_said_and_nothing_misleading(
    tmp_path: Path, naming: Naming
) -> None:
    about = {"format": "pt", "slora.base": "miniature@r", "slora.config_hash": "0a"}
    source = adapter(tmp_path / "a", ATTENTION, **about)
    convert(source, naming, tmp_path / "b")
    found = header(tmp_path / "b")
    assert about.items() <= found.items()
    assert "lora_adapter_metadata" not in found, "diffusers would scale once more by it"
    kohya = {key: value for key, value in found.items() if key.startswith("ss_")}
    assert kohya == (
        {"ss_network_module": "networks.lora", "ss_network_dim": "2", "ss_network_alpha": "1.0"}
        if naming is Naming.KOHYA
        else {}
    )


def test_alpha_is_left_out_of_comfyui_files_where_it_is_the_rank(tmp_path: Path) -> None:
    convert(adapter(tmp_path / "a", ATTENTION, 2, 2.0), Naming.COMFYUI, tmp_path / "b")
    assert not [key for key in read_tensors(tmp_path / "b")[0] if key.endswith("alpha")]


def test_equal_adapters_give_equal_bytes(tmp_path: Path) -> None:
    about = {f"slora.{letter}": letter for letter in "abcdefgh"}
    for name in "ab":
        source = adapter(tmp_path / name, ATTENTION, **about)
        convert(source, Naming.KOHYA, tmp_path / f"{name}.k")
    assert (tmp_path / "a.k").read_bytes() == (tmp_path / "b.k").read_bytes()


def kohya_file(path: Path, names: dict[str, tuple[int, float | None]], **header: str) -> Path:
    """A file as another program writes it: layer name to rank and alpha."""
    tensors: Arrays = {}
    for name, (rank, alpha) in names.items():
        tensors[f"lora_unet_{name}.lora_down.weight"] = np.ones((rank, 3), np.float16)
        tensors[f"lora_unet_{name}.lora_up.weight"] = np.ones((4, rank), np.float16)
        if alpha is not None:
            tensors[f"lora_unet_{name}.alpha"] = np.array(alpha, np.float16)
    safetensors.numpy.save_file(tensors, path, header or None)
    return path


def test_rank_and_alpha_of_a_foreign_file_come_from_its_tensors(tmp_path: Path) -> None:
    names = {
        "blocks_0_self_attn_q": (4, 2.0),
        "blocks_0_self_attn_o": (4, 2.0),
        "blocks_11_ffn_0": (8, None),
    }
    source = kohya_file(tmp_path / "k", names, ss_tag="theirs")
    convert(source, Naming.DIFFUSERS, tmp_path / "d")
    paths = ["blocks.0.attn1.to_out.0", "blocks.0.attn1.to_q", "blocks.11.ffn.net.0.proj"]
    assert list(read_adapter(tmp_path / "d").layers) == paths
    found = header(tmp_path / "d")
    assert found["ss_tag"] == "theirs"
    assert json.loads(found["lora_adapter_metadata"]) == {
        "transformer.r": 4,
        "transformer.lora_alpha": 2.0,
        "transformer.target_modules": paths,
        "transformer.peft_type": "LORA",
        "transformer.bias": "none",
        "transformer.rank_pattern": {paths[2]: 8},
        "transformer.alpha_pattern": {paths[2]: 8.0},
    }
    assert read_adapter(tmp_path / "d").alphas == dict(zip(paths, [2.0, 2.0, 8.0], strict=True))


def test_videox_funs_second_underscore_is_no_part_of_the_name(tmp_path: Path) -> None:
    source = kohya_file(tmp_path / "k", {"_transformer_blocks_0_attn1_to_q": (2, 2.0)})
    convert(source, Naming.DIFFUSERS, tmp_path / "d")
    assert list(read_adapter(tmp_path / "d").layers) == ["transformer_blocks.0.attn1.to_q"]


def test_a_name_that_no_base_has_is_refused_by_name(tmp_path: Path) -> None:
    names = {
        "transformer_blocks_0_attn1_to_q": (2, 2.0),
        "transformer_blocks_0_attn1_to_x": (2, 2.0),
    }
    source = kohya_file(tmp_path / "k", names)
    with pytest.raises(IntegrityError, match=r"key 'transformer_blocks_0_attn1_to_x'"):
        convert(source, Naming.DIFFUSERS, tmp_path / "d")


def spoil(path: Path, change: dict[str, np.ndarray[Any, Any] | None]) -> Path:
    source = adapter(path, ATTENTION)
    tensors: Arrays = safetensors.numpy.load_file(source)
    for key, value in change.items():
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    safetensors.numpy.save_file(tensors, source)
    return source


Q = "transformer.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({f"{Q}.lora_A.weight": None}, "a factor of the layer is missing"),
        ({f"{Q}.lora_A.weight": np.ones((3, 3), np.float32)}, "don't fit each other"),
        ({f"{Q}.lora_A.weight": np.ones((2, 3, 1), np.float32)}, "don't fit each other"),
        ({f"{Q}.lora_A.weight": np.full((2, 3), np.nan, np.float32)}, "NaN or infinity"),
        ({f"{Q}.lora_B.weight": np.full((4, 2), np.inf, np.float16)}, "NaN or infinity"),
        ({"diffusion_model.x.lora_A.weight": np.ones((2, 3), np.float32)}, "mixes namings"),
        ({f"{Q}.lora_magnitude_vector": np.ones(3, np.float32)}, "not a LoRA adapter"),
        ({f"{Q}.weight": np.ones((2, 2), np.float32)}, "not a LoRA adapter"),
        ({f"{Q}.lora_A.weight": np.ones((2, 3), np.uint8)}, "don't come in this type"),
    ],
)
def test_what_is_no_sound_adapter_is_refused_and_nothing_written(
    tmp_path: Path, change: dict[str, np.ndarray[Any, Any] | None], message: str
) -> None:
    source = spoil(tmp_path / "a", change)
    with pytest.raises(IntegrityError, match=message):
        convert(source, Naming.KOHYA, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_nan_in_bfloat16_is_seen(tmp_path: Path) -> None:
    nan, one = b"\xc0\x7f", b"\x80\x3f"
    tensors = {
        f"{Q}.lora_A.weight": RawTensor("BF16", (1, 2), one + nan),
        f"{Q}.lora_B.weight": RawTensor("BF16", (1, 1), one),
    }
    write_tensors(tmp_path / "a", tensors, {})
    with pytest.raises(IntegrityError, match="NaN or infinity"):
        convert(tmp_path / "a", Naming.KOHYA, tmp_path / "b")


@pytest.mark.parametrize("cut", [4, 300, -1])
def test_a_torn_file_is_refused(tmp_path: Path, cut: int) -> None:
    source = adapter(tmp_path / "a", ATTENTION)
    source.write_bytes(source.read_bytes()[:cut])
    with pytest.raises(IntegrityError):
        convert(source, Naming.KOHYA, tmp_path / "b")


@pytest.mark.parametrize(
    "config",
    [
        {"transformer.r": 3, "transformer.lora_alpha": 1},
        {"transformer.r": 2},
        {"transformer.r": 2, "transformer.lora_alpha": 1, "transformer.use_rslora": True},
        ["transformer.r"],
    ],
)
def test_a_header_that_contradicts_the_tensors_is_refused(tmp_path: Path, config: Any) -> None:
    source = adapter(tmp_path / "a", ATTENTION, 2, None, lora_adapter_metadata=json.dumps(config))
    with pytest.raises(IntegrityError):
        convert(source, Naming.KOHYA, tmp_path / "b")


def test_changes_after_a_conversion_are_noticed(tmp_path: Path) -> None:
    convert(adapter(tmp_path / "a", ATTENTION), Naming.KOHYA, tmp_path / "k")
    tensors, metadata = read_tensors(tmp_path / "k")
    name = "lora_unet_transformer_blocks_0_attn1_to_q"
    write_tensors(tmp_path / "k2", tensors | {f"{name}.alpha": RawTensor.scalar(7)}, metadata)
    with pytest.raises(IntegrityError, match="alpha was changed"):
        convert(tmp_path / "k2", Naming.DIFFUSERS, tmp_path / "d")
    fewer = {key: tensor for key, tensor in tensors.items() if not key.startswith(name)}
    write_tensors(tmp_path / "k3", fewer, metadata)
    with pytest.raises(IntegrityError, match="lists other layers"):
        convert(tmp_path / "k3", Naming.DIFFUSERS, tmp_path / "d")
    write_tensors(tmp_path / "k4", tensors, metadata | {CONVERSION: "{}"})
    with pytest.raises(IntegrityError, match="not one that a conversion wrote"):
        convert(tmp_path / "k4", Naming.DIFFUSERS, tmp_path / "d")
