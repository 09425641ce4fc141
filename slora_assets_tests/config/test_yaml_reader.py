"""A mistake in a configuration file is named with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.yaml_reader import read_settings
from slora_assets_tests.small_graph import PROJECT


def _read(tmp_path: Path, text: str, *overrides: str) -> TrainingSettings:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return read_settings(path, TrainingSettings, overrides)


def test_the_shipped_default_recipe_is_the_default() -> None:
    shipped = read_settings(PROJECT / "configs/training/lora_default.yaml", TrainingSettings)
    assert shipped.difference() == {}


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
    settings = _read(tmp_path, "epochs: 2\n", "optimizer.learning_rate=2e-4", "epochs=3")
    assert settings.difference() == {"epochs": 3, "optimizer.learning_rate": 2e-4}


def test_an_unset_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLORA_NOWHERE", raising=False)
    with pytest.raises(ConfigError, match="SLORA_NOWHERE"):
        _read(tmp_path, "base_model: ${SLORA_NOWHERE}/x\n")


def test_an_absent_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("epochs: 1\n")
    with pytest.raises(MissingInputError, match=r"other\.yaml"):
        read_settings(tmp_path / "recipe.yaml", TrainingSettings)
