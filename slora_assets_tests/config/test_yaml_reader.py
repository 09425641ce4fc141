"""A mistake in a configuration file is named with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError, MissingInputError, UnreadableError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.yaml_reader import read_settings
from slora_assets_tests.small_graph import PROJECT


def _read(tmp_path: Path, text: str, *overrides: str) -> TrainingSettings:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return read_settings(path, TrainingSettings, overrides)


def test_the_shipped_recipe_adds_the_miniatures_layers_to_the_defaults() -> None:
    shipped = read_settings(PROJECT / "configs/training/lora_default.yaml", TrainingSettings)
    layers = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
    assert shipped.difference() == {"lora.targets": layers}


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, "epochs: 2\noptimizer:\n  learning_rat: 0.1\n")
    assert caught.value.line == 3
    assert caught.value.key == "optimizer.learning_rat"
    assert "learning_rate" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("text", "key"),
    [("epochs: 0\n", "epochs"), ("epochs: many\n", "epochs"), ("lora: {rank: 1.5}\n", "lora.rank")],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, text)
    assert caught.value.key == key


@pytest.mark.parametrize("text", ["epochs: 1\nepochs: 2\n", "epochs: [\n", "- a\n"])
def test_what_is_no_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        _read(tmp_path, text)


def test_an_override_wins_and_shows_in_the_difference(tmp_path: Path) -> None:
    settings = _read(tmp_path, "epochs: 2\n", "optimizer.learning_rate=2e-4", "epochs=4")
    assert settings.difference() == {"epochs": 4, "optimizer.learning_rate": 2e-4}


def test_an_unset_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLORA_NOWHERE", raising=False)
    with pytest.raises(ConfigError, match="SLORA_NOWHERE"):
        _read(tmp_path, "base_model: ${SLORA_NOWHERE}/x\n")


def test_an_absent_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("epochs: 1\n")
    with pytest.raises(MissingInputError, match=r"other\.yaml"):
        read_settings(tmp_path / "recipe.yaml", TrainingSettings)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"# r\xe9glages\nepochs: 1\n", "no text in UTF-8"),
        (b"\xff\xfee\x00p\x00", "no text in UTF-8"),
        (b"epochs: 1\x00\n", "not valid YAML"),
        pytest.param(b"epochs: " + b"[" * 5000 + b"]" * 5000, "nested too deep", id="brackets"),
        (b"epochs: &a [*a]\n", "nested too deep, or in itself|Input should be"),
        (b"epochs: 2024-13-45\n", "not valid YAML"),
        (b"a: !!int x\n", "not valid YAML"),
        (b'base_model: "a\\0b"\n', "character that no text holds"),
        (b'base_model: "\\uD800"\n', "character that no text holds|not valid YAML"),
        (b"1: a\n'1': b\n", "repeated key"),
        (b"", "holds no mapping"),
    ],
)
def test_what_is_no_yaml_is_one_line_with_the_file(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=said) as caught:
        read_settings(path, TrainingSettings)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence and len(sentence) < 2000


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="more values"):
        _read(tmp_path, "\n".join(lines))


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert _read(tmp_path, "\ufeffepochs: 3\n").epochs == 3


def test_a_folder_in_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="directory") as caught:
        read_settings(tmp_path, TrainingSettings)
    assert caught.value.file == tmp_path


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("epochs: true\n", "epochs"),
        ("optimizer: {learning_rate: true}\n", "optimizer.learning_rate"),
        ("optimizer: {betas: [false, 0.9]}\n", "optimizer.betas.0"),
        ("schema_version: true\n", "schema_version"),
        ("validation: {guidance_scale: yes, steps: true}\n", "validation.guidance_scale"),
        ("validation: {steps: true}\n", "validation.steps"),
        ("optimizer: {warmup_steps: 9007199254740992}\n", "optimizer.warmup_steps"),
    ],
)
def test_yes_and_no_are_no_numbers_and_numbers_stay_exact(
    tmp_path: Path, text: str, key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, text)
    assert (caught.value.key, caught.value.line) == (key, 1)


def test_what_was_found_is_told_in_200_characters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, f"epochs: '{'x' * 5_000_000}'\n")
    assert len(str(caught.value)) < 1000
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, f"{'k' * 100_000}: 1\n")
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.learnin_rate=1e-4", r"did you mean 'learning_rate'"),
        ("epochs=true", "a number"),
        ("lora.targets=[to_q", "not valid YAML"),
        ("epochs", "dotted.key=value"),
        ("=3", "dotted.key=value"),
        ("epochs.of=3", "plain value"),
        ("seed=9007199254740992", "less than"),
        ("base_model='a\x00b'", "not valid YAML"),
    ],
)
def test_a_mistake_on_the_command_line_is_blamed_on_it(
    tmp_path: Path, override: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        _read(tmp_path, "epochs: 2\n", override)
    assert caught.value.key == "--set"
    assert caught.value.file is None
    assert "recipe.yaml" not in str(caught.value)


def test_a_mistake_in_the_file_is_not_blamed_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, "epochs: 0\n", "seed=3")
    assert (caught.value.key, caught.value.line) == ("epochs", 1)


def test_a_validator_s_complaint_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, "levers: {offload_blocks: 2, quantize: nf4}\nno_key: 1\n")
    assert caught.value.key == "levers"
    assert caught.value.what.startswith("blocks in nf4 can't be offloaded")
    assert "(and 1 more)" in caught.value.what
