"""Whatever stands in a configuration file, reading it gives settings that can be hashed or one
sentence that names the file."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from ruamel.yaml import YAML

from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.notices import NoticeSettings
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import Presets
from slora_assets.provenance import object_hash
from slora_assets_tests.small_graph import PROJECT

FILES: dict[str, type[BaseModel]] = {
    "training/cogvideox_2b.yaml": TrainingSettings,
    "training/validation_prompts.yaml": ValidationPrompts,
    "data/scenarios.yaml": ScenariosSettings,
    "data/sample.yaml": DatasetSettings,
    "model/optimized_inference.yaml": Presets,
    "notices.yaml": NoticeSettings,
}
NUMBERS = st.sampled_from([True, False, 0, -1, 1, 2**53, -(2**64), 10**400, 1e308, 1e-320, 0.5])
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", " ", "\0", "${NOWHERE}", "${", "{", "{0}", "yes", "1e5", "nan", ".inf", "x" * 10_000, "é"]
)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | NUMBERS | TEXTS | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@cache
def _tree(name: str) -> str:
    tree = YAML(typ="safe", pure=True).load((PROJECT / "configs" / name).read_text())
    return json.dumps(tree, default=str)


def _change(draw: st.DrawFn, tree: Any) -> None:
    """Walk down a random way and put, rename or remove what stands there."""
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and draw(st.booleans()):
            node = node[key]
            continue
        what = draw(st.integers(0, 5))
        if what == 0:
            del node[key]
        elif what == 1 and isinstance(node, dict):
            node[draw(TEXTS)] = node.pop(key)
        else:
            node[key] = draw(JUNK)
        return


@st.composite
def written(draw: st.DrawFn) -> tuple[str, bytes]:
    """A shipped file with a few things out of place, in its values or in its text."""
    name = draw(st.sampled_from(sorted(FILES)))
    tree = json.loads(_tree(name))
    for _ in range(draw(st.integers(0, 3))):
        if tree:
            _change(draw, tree)
    data = json.dumps(tree, indent=1).encode()  # which is YAML
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(data)))
        odd = draw(st.binary(max_size=6) | st.sampled_from([b"[", b"&a [*a]", b"!!", b"\t", b": "]))
        data = data[:at] + odd + data[at + draw(st.integers(0, 4)) :]
    return name, data


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(written())
def test_the_answer_is_settings_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[str, bytes]
) -> None:
    name, data = content
    file: Path = tmp_path_factory.getbasetemp() / f"fuzzed_{name.replace('/', '_')}"
    file.write_bytes(data)
    try:
        found = read_settings(file, FILES[name])
    except SloraError as error:
        sentence = str(error)
        assert str(file) in sentence
        assert "\n" not in sentence and len(sentence) < 4000
    else:
        assert len(object_hash(found.model_dump(mode="json"))) == 64


def _numbers(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where numbers stand."""
    if isinstance(tree, dict):
        return [one for key, value in tree.items() for one in _numbers(value, (*way, key))]
    if isinstance(tree, list):
        return [one for at, value in enumerate(tree) for one in _numbers(value, (*way, at))]
    return [way] if isinstance(tree, int | float) and not isinstance(tree, bool) else []


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_number_of_a_shipped_file_may_be_yes_or_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("SLORA_ANNOTATIONS", "SLORA_FOOTAGE"):
        monkeypatch.setenv(variable, "somewhere")
    ways = _numbers(json.loads(_tree(name)))
    assert ways
    for way in ways:
        tree = json.loads(_tree(name))
        *parents, last = way
        node = tree
        for part in parents:
            node = node[part]
        node[last] = True
        (tmp_path / "config.yaml").write_text(json.dumps(tree))
        with pytest.raises(SloraError) as caught:
            read_settings(tmp_path / "config.yaml", FILES[name])
        assert str(way[-1]) in str(caught.value), way
