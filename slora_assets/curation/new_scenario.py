"""A scenario from the shell: its keys in, one small YAML file out. No other file is touched."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from slora_assets.config.data import (
    ScenarioSettings,
    ScenariosSettings,
    read_scenarios,
    shared_keyword,
)
from slora_assets.config.errors import ConfigError, complaint
from slora_assets.config.places import refuse_shipped
from slora_assets.config.scenario_files import ScenarioFiles, is_scenario_name
from slora_assets.config.workspace import UNIFIED
from slora_assets.config.yaml_reader import read_settings
from slora_assets.provenance import replacing

_HEAD: Final = '# Written by `slora scenario add`. All keys: docs/settings.md, "Scenarios".\n'
_WIDTH: Final = 100


@dataclass(frozen=True)
class NewScenario:
    """A scenario that may be added, and the set as it would be with it."""

    name: str
    file: Path
    text: str
    scenarios: ScenariosSettings


def draft(files: ScenarioFiles, name: str, keys: Mapping[str, object]) -> NewScenario:
    """Hold a new scenario against the rules and against those there are.

    Raises ConfigError for a name that is none or is taken, for a value that isn't allowed, and for
    a keyword that another scenario has.
    """
    there = read_scenarios(files).scenarios if files.any() else {}
    _refuse_name(files, name, there)
    settings = _settings(keys)
    scenarios = {**there, name: settings}
    shared = shared_keyword(scenarios)
    if shared is not None:
        raise ConfigError(
            f"keyword {shared.keyword!r} belongs to {shared.owner}",
            file=files.place(shared.owner)[0],
            remedy=f"choose another, or take it from {shared.owner}",
        )
    together = ScenariosSettings(schema_version=1, scenarios=scenarios)
    return NewScenario(name, files.file_of(name), _HEAD + yaml_text(settings), together)


def write(new: NewScenario) -> None:
    """Write the scenario's file, whole or not at all. Raises ConfigError when it can't be read back
    as it was meant."""
    refuse_shipped(new.file)
    with replacing(new.file) as temporary:
        temporary.write_text(new.text, encoding="utf-8")
        if read_settings(temporary, ScenarioSettings) != new.scenarios.scenarios[new.name]:
            raise ConfigError(
                "the text would not be read as it is meant",
                file=new.file,
                found=new.text,
                remedy="leave ${...} out of the values",
            )


def yaml_text(settings: ScenarioSettings) -> str:
    """The keys that differ from their defaults, as a person would write them."""
    tree = CommentedMap()
    for key, value in settings.model_dump(mode="json", exclude_defaults=True).items():
        if isinstance(value, list):
            tree[key] = CommentedSeq(scalar(one) for one in value)
            tree[key].fa.set_flow_style()
        else:
            tree[key] = scalar(value)
    yaml, out = YAML(), io.StringIO()
    yaml.width = _WIDTH
    yaml.dump(tree, out)
    return out.getvalue()


def scalar(value: object) -> object:
    """Quoted unless it is plain words: what else may stand bare in a list, writers of YAML differ
    in."""
    if isinstance(value, str) and not re.fullmatch(r"[^\W\d_][\w '.-]*", value):
        return DoubleQuotedScalarString(value)
    return value


def _refuse_name(files: ScenarioFiles, name: str, there: Mapping[str, ScenarioSettings]) -> None:
    if not is_scenario_name(name):
        raise ConfigError(
            "no name for a scenario",
            found=name,
            expected="a lower-case letter, then lower-case letters, digits and '_', and not"
            f" {UNIFIED}, the run over all scenarios",
            remedy="choose another name",
        )
    if name in there:
        retired = there[name].retired
        raise ConfigError(
            f"the scenario {name} is there already" + (", retired" if retired else ""),
            file=files.place(name)[0],
            remedy="remove 'retired' there to take it up again"
            if retired
            else "choose another name, or edit that file",
        )


def _settings(keys: Mapping[str, object]) -> ScenarioSettings:
    try:
        return ScenarioSettings.model_validate(keys)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(
            complaint(first),
            key=".".join(str(part) for part in first["loc"]),
            found=first["input"],
            remedy="correct the value",
        ) from error
