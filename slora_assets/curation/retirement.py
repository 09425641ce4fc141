"""Taking a scenario out of work: a key in its YAML, and the sentence that refuses it afterwards.

What was trained of it stays as it is, and so does the preset that serves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from slora_assets.config.data import (
    ScenarioSettings,
    read_dataset,
    read_scenarios,
    scenario_files,
)
from slora_assets.config.errors import ConfigError
from slora_assets.config.places import refuse_shipped
from slora_assets.config.scenario_files import Location, ScenarioFiles
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import line_of
from slora_assets.curation.manifest import retired_error
from slora_assets.provenance import replacing


def refuse_retired(workspace: Workspace, scenario: str) -> None:
    """Raise CurationError for a scenario whose YAML says that it is retired, whatever its manifest
    still says."""
    dataset, scenarios = read_dataset(workspace.dataset_file)
    settings = scenarios.scenarios.get(scenario)
    if settings is not None and settings.retired:
        file, _ = scenario_files(workspace.dataset_file, dataset).place(scenario)
        raise retired_error(scenario, file, settings.why_retired)


def retire(files: ScenarioFiles, scenario: str, because: str) -> Path | None:
    """Write into a scenario's YAML that it is retired, and why; all other lines stay.

    Returns the file, or None when the scenario was retired before. Raises ConfigError for an
    unknown scenario, and for a file in which that can't be said by lines of their own.
    """
    settings = known_scenario(files, scenario)
    if settings.retired:
        return None
    file, way = files.place(scenario)
    said = {"retired": True, "retired_because": because}
    refuse_shipped(file)
    with replacing(file) as edited:
        edited.write_bytes(_with_lines(file, way, said).encode())
        if _keys(edited, way) != {**_keys(file, way), **said}:
            raise _by_hand(file, way)
    return file


def known_scenario(files: ScenarioFiles, scenario: str) -> ScenarioSettings:
    """A scenario's settings. Raises ConfigError naming the known ones, MissingInputError."""
    known = read_scenarios(files).scenarios
    if scenario not in known:
        raise ConfigError(
            "no such scenario",
            file=files.shared if files.shared.is_file() else files.folder,
            found=scenario,
            expected=f"one of {[*known]}",
            remedy="correct the name; `slora scenario list` names them",
        )
    return known[scenario]


def _with_lines(file: Path, way: Location, said: Mapping[str, object]) -> str:
    """The file's text with each of `said` on a line of its own, before the scenario's other keys
    unless it is there already."""
    text = file.read_bytes().decode()
    lines, end = text.splitlines(keepends=True), "\r\n" if "\r\n" in text else "\n"
    mapping = _mapping(file, way)
    if mapping.fa.flow_style():
        raise _by_hand(file, way)
    places = {str(key): place for key, place in mapping.lc.data.items()}
    first, indent = min((line, column) for line, column, *_ in places.values())
    new = []
    for key, value in said.items():
        line = f"{' ' * indent}{key}: {json.dumps(value, ensure_ascii=False)}{end}"
        if key in places:
            lines[places[key][0]] = line
        else:
            new.append(line)
    return "".join([*lines[:first], *new, *lines[first:]])


def _mapping(file: Path, way: Location) -> CommentedMap:
    node = YAML(typ="rt").load(file.read_bytes().decode())
    for key in way:
        node = node[key]
    assert isinstance(node, CommentedMap), "it was read as settings"
    return node


def _keys(file: Path, way: Location) -> dict[str, object]:
    """A scenario's keys as they stand in the file. Raises ConfigError if it can't be read."""
    try:
        return dict(_mapping(file, way))
    except YAMLError as error:
        raise _by_hand(file, way) from error


def _by_hand(file: Path, way: Location) -> ConfigError:
    return ConfigError(
        "the keys can't be put in by lines of their own",
        file=file,
        line=line_of(file, *way) if way else None,
        remedy="write `retired: true` and `retired_because` into the scenario's keys by hand",
    )
