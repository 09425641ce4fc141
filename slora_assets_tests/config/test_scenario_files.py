"""Scenarios stand in one file, in a folder with a small file each, or in both; mistakes are named
with their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.data import (
    ScenarioSettings,
    ScenariosSettings,
    read_dataset,
    read_scenarios,
)
from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.scenario_files import ScenarioFiles
from slora_assets.config.workspace import UNIFIED
from slora_assets.provenance import object_hash

DATASET = """\
name: d
format: folder
annotations: [a]
footage: f
licence: l
use: u
scenarios: {scenarios}
"""
SHARED = """\
schema_version: 1
scenarios:
  street:
    description: a street
    keywords: [street, road]
  market:
    description: a market
    keywords: [market]
"""
PIER = "description: a pier\nkeywords: [pier]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / "mine" / f"{name}.yaml").write_text(text)


def _read(folder: Path, named: str = "mine.yaml") -> ScenariosSettings:
    (folder / "dataset.yaml").write_text(DATASET.format(scenarios=named))
    return read_dataset(folder / "dataset.yaml")[1]


@pytest.mark.parametrize("named", ["mine.yaml", "mine", "mine/"])
@pytest.mark.parametrize(
    ("shared", "small", "names"),
    [
        (True, False, ["street", "market"]),
        (False, True, ["harbour", "pier"]),
        (True, True, ["street", "market", "harbour", "pier"]),
    ],
)
def test_a_dataset_may_name_the_file_or_the_folder_and_gets_what_stands_in_both(
    folder: Path, named: str, shared: bool, small: bool, names: list[str]
) -> None:
    if shared:
        (folder / "mine.yaml").write_text(SHARED)
    if small:
        _write(folder, pier=PIER, harbour=PIER.replace("pier", "harbour"))
        (folder / "mine" / "notes.txt").write_text("no scenario")
        (folder / "mine" / ".pier.0a.partial.yaml").write_text("half a sce")
    assert list(_read(folder, named).scenarios) == names


def test_one_file_and_as_many_small_ones_say_the_same(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SHARED)
    alone = _read(folder)
    (folder / "mine.yaml").unlink()
    _write(
        folder,
        street="description: a street\nkeywords: [street, road]\n",
        market="description: a market\nkeywords: [market]\n",
    )
    assert _dumped_hash(_read(folder)) == _dumped_hash(alone)


def _dumped_hash(settings: ScenariosSettings) -> str:
    return object_hash(settings.model_dump(mode="json"))


def test_a_scenario_in_both_places_is_refused_with_both(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SHARED)
    _write(folder, market="description: m\nkeywords: [bazaar]\n")
    with pytest.raises(ConfigError) as caught:
        _read(folder)
    assert caught.value.file == folder / "mine/market.yaml"
    assert f"{folder / 'mine.yaml'}, line 6" in str(caught.value)


def test_a_keyword_of_two_scenarios_is_refused_with_both_files_and_lines(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SHARED)
    _write(folder, pier="description: a pier\nkeywords:\n  - pier\n  - Road\n")
    with pytest.raises(ConfigError) as caught:
        _read(folder)
    assert (caught.value.file, caught.value.line) == (folder / "mine/pier.yaml", 4)
    assert f"'Road' of pier belongs to street too, in {folder / 'mine.yaml'}, line 5" in str(
        caught.value
    )
    _write(folder, pier=PIER, quay="description: a quay\nkeywords: [quay, pier]\n")
    with pytest.raises(ConfigError, match=r"quay\.yaml, line 2.*of quay belongs to pier.*pier\.ya"):
        _read(folder)


@pytest.mark.parametrize(
    "name", ["Pier.yaml", "the pier.yaml", "2nd.yaml", "pier.yml", f"{UNIFIED}.yaml"]
)
def test_a_file_that_names_no_scenario_is_refused(folder: Path, name: str) -> None:
    (folder / "mine" / name).write_text(PIER)
    with pytest.raises(ConfigError, match="rename the file") as caught:
        _read(folder)
    assert caught.value.file == folder / "mine" / name


def test_no_scenario_has_the_name_of_the_run_over_all_of_them(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SHARED.replace("street:", f"{UNIFIED}:"))
    with pytest.raises(ConfigError, match=f"{UNIFIED} is the name of the run over all scenarios"):
        _read(folder)


def test_a_mistake_in_a_small_file_is_named_with_its_line(folder: Path) -> None:
    _write(folder, pier=PIER + "exclud: [a]\n")
    with pytest.raises(ConfigError, match=r"pier\.yaml, line 3, key 'exclud'.*'exclude'"):
        _read(folder)


def test_no_scenario_at_all_says_where_one_would_stand(folder: Path) -> None:
    with pytest.raises(MissingInputError, match="slora scenario add") as caught:
        _read(folder)
    assert str(folder / "mine") in str(caught.value)


def test_a_retired_scenario_leaves_its_keywords_to_others(folder: Path) -> None:
    _write(folder, pier=PIER, quay="description: a quay\nkeywords: [quay, pier]\nretired: true\n")
    settings = _read(folder)
    assert list(settings.scenarios) == ["pier", "quay"]
    assert list(settings.active) == ["pier"]


def test_an_active_scenario_is_hashed_as_it_was_before_one_could_be_retired(folder: Path) -> None:
    _write(folder, pier=PIER)
    files = ScenarioFiles.named(folder / "mine")
    dumped = read_scenarios(files).model_dump(mode="json")
    later = {"retired", "retired_because", "weak_keywords", "categories"}
    assert dumped["scenarios"]["pier"].keys() == ScenarioSettings.model_fields.keys() - later
    _write(folder, pier=PIER + "retired: false\nretired_because: it was for a while\n")
    assert read_scenarios(files).model_dump(mode="json") == dumped
    _write(folder, pier=PIER + "retired: true\n")
    assert read_scenarios(files).model_dump(mode="json") != dumped
