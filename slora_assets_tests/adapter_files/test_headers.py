"""What an adapter's header says of alpha and rank is read wherever the file is, and held against
the tensors; odd headers are refused in one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slora_assets.adapter_files.conversion import CONVERSION, convert, read_adapter
from slora_assets.adapter_files.naming import Naming
from slora_assets.base_models.lora import load_adapter
from slora_assets.config.errors import ConfigError, IntegrityError, SloraError
from slora_assets_tests.adapter_files.made import header

COMFYUI = "diffusion_model.blocks.0.self_attn.q"
KOHYA = "lora_unet_blocks_0_self_attn_q"
DIFFUSERS = "transformer.blocks.0.attn1.to_q"
PATH = "blocks.0.attn1.to_q"
ENTRY = {"transformer.r": 4, "transformer.lora_alpha": 16, "transformer.target_modules": ["to_q"]}


def made(path: Path, naming: Naming, scale: float | None = None, /, **entries: str) -> Path:
    """An adapter of rank 4 on one layer of Wan, with these header entries; `scale` is alpha as a
    tensor."""
    name, down, up = {
        Naming.COMFYUI: (COMFYUI, "lora_A", "lora_B"),
        Naming.KOHYA: (KOHYA, "lora_down", "lora_up"),
        Naming.DIFFUSERS: (DIFFUSERS, "lora_A", "lora_B"),
    }[naming]
    tensors = {
        f"{name}.{down}.weight": np.ones((4, 16), np.float32),
        f"{name}.{up}.weight": np.ones((16, 4), np.float32),
    }
    if scale is not None:
        tensors[f"{name}.alpha"] = np.array(scale, np.float16)
    safetensors.numpy.save_file(tensors, path, entries or None)
    return path


WITH_ALPHA: list[tuple[dict[str, str], float]] = [
    ({"lora_adapter_metadata": json.dumps(ENTRY)}, 16),
    ({"lora_adapter_metadata": json.dumps({"r": 4, "lora_alpha": 16})}, 16),
    ({"lora_config": json.dumps({"r": 4, "lora_alpha": 2, "target_modules": "x"})}, 2),
    ({"alpha": "2"}, 2),
    ({"lora_alpha": "2.0", "rank": "4"}, 2),
    ({"ss_network_alpha": "2", "ss_network_dim": "4"}, 2),
    ({"network_alpha": " 8 "}, 8),
    ({"ss_network_alpha": "None", "alpha": "8"}, 8),
    ({"ss_network_alpha": "None"}, 4),
    ({"format": "pt"}, 4),
]


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize(("entries", "alpha"), WITH_ALPHA, ids=lambda value: str(value)[:40])
def test_alpha_of_the_header_goes_wherever_the_adapter_goes(
    tmp_path: Path, naming: Naming, entries: dict[str, str], alpha: float
) -> None:
    source = made(tmp_path / "a", naming, **entries)
    assert read_adapter(source).alphas == {PATH: alpha}
    at = source
    for number, to in enumerate((Naming.DIFFUSERS, Naming.KOHYA, Naming.COMFYUI, *Naming)):
        at = (convert(at, to, tmp_path / str(number)), tmp_path / str(number))[1]
        assert read_adapter(at).alphas == {PATH: alpha}, to
    tensors = safetensors.numpy.load_file(tmp_path / "1")
    assert tensors[f"{KOHYA}.alpha"] == alpha
    said = json.loads(header(tmp_path / "0").get("lora_adapter_metadata", "null"))
    assert said is None or said.get("transformer.lora_alpha", said.get("lora_alpha")) == alpha
    assert said is not None or alpha == 4


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize(
    ("entries", "key"),
    [
        ({"lora_adapter_metadata": json.dumps(ENTRY | {"transformer.use_rslora": True})}, "rslora"),
        ({"lora_adapter_metadata": json.dumps({"r": 4, "lora_alpha": 1, "use_dora": 1})}, "dora"),
        ({"lora_config": json.dumps({"r": 4, "lora_alpha": 1, "use_rslora": True})}, "rslora"),
        ({"ss_network_args": json.dumps({"rs_lora": "True"})}, "ss_network_args rs_lora"),
        ({"use_rslora": "true", "alpha": "2"}, "use_rslora"),
        ({"ss_rslora": "1"}, "ss_rslora"),
    ],
)
def test_a_scale_that_the_namings_can_not_say_is_refused_by_its_entry(
    tmp_path: Path, naming: Naming, entries: dict[str, str], key: str
) -> None:
    source = made(tmp_path / "a", naming, **entries)
    for to in Naming:
        with pytest.raises(IntegrityError, match="a kind of adapter") as caught:
            convert(source, to, tmp_path / "b")
        assert key in str(caught.value.key)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("entries", "key"),
    [
        ({"alpha": "2", "lora_alpha": "3"}, "alpha, lora_alpha"),
        (
            {"lora_adapter_metadata": json.dumps(ENTRY), "ss_network_alpha": "2"},
            "lora_adapter_metadata, ss_network_alpha",
        ),
        ({"lora_adapter_metadata": json.dumps(ENTRY | {"transformer.r": 8})}, "lora_adapter_m"),
        ({"ss_network_alpha": "2", "ss_network_dim": "8"}, "ss_network_dim"),
        ({"alpha": "much"}, "alpha"),
        ({"alpha": "nan"}, "alpha"),
        ({"alpha": "-1"}, "alpha"),
        ({"alpha": "1e300"}, "alpha"),
        ({"lora_alpha": "true"}, "lora_alpha"),
        ({"lora_adapter_metadata": "[1]"}, "lora_adapter_metadata"),
        ({"lora_adapter_metadata": "{"}, "lora_adapter_metadata"),
        ({"lora_adapter_metadata": "[" * 100_000}, "lora_adapter_metadata"),
        (
            {"lora_adapter_metadata": '{"transformer.r": Infinity, "transformer.lora_alpha": 1}'},
            "lora_adapter_metadata",
        ),
        (
            {"lora_adapter_metadata": json.dumps(ENTRY | {"transformer.alpha_pattern": {"[": 1}})},
            "lora_adapter_metadata",
        ),
        (
            {"lora_adapter_metadata": json.dumps(ENTRY | {"transformer.lora_alpha": True})},
            "lora_adapter_metadata",
        ),
        ({CONVERSION: '{"architecture": [], "layers": 1, "kept": [], "added": 3}'}, CONVERSION),
        ({CONVERSION: "null"}, CONVERSION),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_header_that_contradicts_or_says_nothing_readable_is_refused_by_the_entry(
    tmp_path: Path, entries: dict[str, str], key: str
) -> None:
    source = made(tmp_path / "a", Naming.COMFYUI, **entries)
    with pytest.raises(IntegrityError) as caught:
        convert(source, Naming.DIFFUSERS, tmp_path / "b")
    assert str(caught.value.key).startswith(key)
    assert len(str(caught.value)) < 1000
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("naming", [Naming.KOHYA, Naming.COMFYUI])
def test_tensors_and_diffusers_entry_have_to_agree_and_what_a_training_was_asked_for_need_not(
    tmp_path: Path, naming: Naming
) -> None:
    entry = {"lora_adapter_metadata": json.dumps(ENTRY)}
    with pytest.raises(IntegrityError, match="another alpha than the tensors"):
        read_adapter(made(tmp_path / "a", naming, 2, **entry))
    assert read_adapter(made(tmp_path / "b", naming, 16, **entry)).alphas == {PATH: 16}
    assert read_adapter(made(tmp_path / "c", naming, 2, ss_network_alpha="8")).alphas == {PATH: 2}


@pytest.mark.parametrize("alpha", [0.0, -1.0])
def test_an_alpha_that_is_not_above_zero_is_refused(tmp_path: Path, alpha: float) -> None:
    with pytest.raises(IntegrityError, match="above zero"):
        read_adapter(made(tmp_path / "a", Naming.KOHYA, alpha))


def test_a_folder_or_a_pipe_as_the_target_is_refused_and_left_alone(tmp_path: Path) -> None:
    source = made(tmp_path / "a", Naming.KOHYA)
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="is a file"):
            convert(source, Naming.DIFFUSERS, target)
    assert (tmp_path / "pipe").is_fifo()


class _NotAsked:
    """A pipeline that must not be reached."""

    transformer = None


def test_loading_refuses_an_alpha_that_diffusers_would_not_see(tmp_path: Path) -> None:
    pipeline: Any = _NotAsked()
    lost = made(tmp_path / "a.safetensors", Naming.DIFFUSERS, lora_alpha="2")
    with pytest.raises(IntegrityError, match=r"take the rank for it.*slora convert"):
        load_adapter(pipeline, lost, "x", 1.0)
    wrong = made(
        tmp_path / "b.safetensors",
        Naming.DIFFUSERS,
        lora_adapter_metadata=json.dumps(ENTRY | {"transformer.r": 8}),
    )
    with pytest.raises(IntegrityError, match="contradicts the tensors"):
        load_adapter(pipeline, wrong, "x", 1.0)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
CONFIG = st.dictionaries(
    st.sampled_from(
        [
            f"{prefix}{key}"
            for prefix in ("", "transformer.")
            for key in (
                "r",
                "lora_alpha",
                "rank_pattern",
                "alpha_pattern",
                "use_rslora",
                "target_modules",
            )
        ]
    ),
    JUNK | st.just(4) | st.just({"to_q": 4}) | st.just({"(": 4}),
)
ENTRIES = st.dictionaries(
    st.sampled_from(
        [
            "lora_adapter_metadata",
            "lora_config",
            "alpha",
            "rank",
            "ss_network_alpha",
            "ss_network_dim",
            "ss_network_args",
            "use_rslora",
            CONVERSION,
        ]
    ),
    (CONFIG | JUNK).map(json.dumps) | st.sampled_from(["4", "16", "", "nan", "1e999", "{", "null"]),
    max_size=3,
)


def _entry(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(JUNK)
    begin = draw(st.integers(0, 600))
    return {
        "dtype": draw(st.sampled_from(["F32", "F16", "BF16", "F64", "I64", "U8", "F8_E4M3", ""])),
        "shape": draw(st.lists(st.integers(-1, 16) | st.just(2**70), max_size=3)),
        "data_offsets": [begin, begin + draw(st.integers(-4, 300))],
    }


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Headers by the format's grammar with a word or a number out of place, and tensors behind."""
    names = [f"{COMFYUI}.lora_A.weight", f"{COMFYUI}.lora_B.weight"]
    whole = {
        names[0]: {"dtype": "F32", "shape": [4, 16], "data_offsets": [0, 256]},
        names[1]: {"dtype": "F32", "shape": [16, 4], "data_offsets": [256, 512]},
    }
    tree: Any = dict(whole)
    if draw(st.booleans()):
        tree["__metadata__"] = draw(ENTRIES) if draw(st.integers(0, 9)) else draw(JUNK)
    for _ in range(draw(st.integers(0, 2))):
        tree[draw(st.sampled_from([*names, f"{COMFYUI}.alpha", KOHYA, DIFFUSERS]))] = _entry(draw)
    if draw(st.integers(0, 9)) == 0:
        tree = draw(JUNK)
    text = json.dumps(tree).encode()
    length = max(0, len(text) + draw(st.sampled_from([0, 0, 0, 0, -3, 5, 2**40])))
    data = bytes(draw(st.sampled_from([512, 512, 512, 0, 511, 700])))
    return length.to_bytes(8, "little") + text + data


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(files(), st.sampled_from(list(Naming)))
@example(b"", Naming.KOHYA)
@example((2).to_bytes(8, "little") + b"[]", Naming.KOHYA)
@example((400_000).to_bytes(8, "little") + b"[" * 400_000, Naming.KOHYA)
def test_whatever_stands_in_a_header_the_answer_is_an_adapter_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, to: Naming
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.safetensors").write_bytes(content)
    try:
        convert(folder / "a.safetensors", to, folder / "b")
    except SloraError as error:
        assert "\n" not in str(error) and len(str(error)) < 3000
        assert sorted(path.name for path in folder.iterdir()) == ["a.safetensors"]
    else:
        assert read_adapter(folder / "b").alphas.keys() == {PATH}
    pipeline: Any = _NotAsked()
    with pytest.raises((SloraError, AttributeError)):  # what is whole goes on to the pipeline
        load_adapter(pipeline, folder / "a.safetensors", "x", 1.0)
