"""Reading and editing the presets (`configs/model/optimized_inference.yaml`).

Edits keep every comment and line that they don't concern.
"""

from __future__ import annotations

import io
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from slora_assets.config.errors import ConfigError
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import (
    Presets,
    PromotableAnswer,
    ScenarioPreset,
    registered_path,
)
from slora_assets.provenance import replacing


def read_presets(path: Path) -> Presets:
    """Read the file. Raises ConfigError, MissingInputError."""
    return read_settings(path, Presets)


def preset_of(path: Path, presets: Presets, scenario: str) -> ScenarioPreset:
    """A scenario's preset. Raises ConfigError naming the known ones."""
    if scenario not in presets.presets:
        raise ConfigError(
            "no such scenario",
            file=path,
            key="presets",
            found=scenario,
            expected=f"one of {sorted(presets.presets)}",
            remedy="add a preset for it to the file",
        )
    return presets.presets[scenario]


def write_adapter(
    path: Path, scenario: str, sha256: str | None, verdict: PromotableAnswer | None
) -> None:
    """Set a scenario's promoted adapter, or none, in place.

    The edited text is read back and must be valid before it replaces the file.
    """
    values = {
        "adapter": None if sha256 is None else registered_path(sha256),
        "sha256": sha256,
        "verdict": verdict,
    }
    edited = edited_text(path.read_text(encoding="utf-8"), scenario, values)
    with replacing(path) as temporary:
        temporary.write_text(edited, encoding="utf-8")
        read_presets(temporary)


def edited_text(text: str, scenario: str, values: dict[str, str | None]) -> str:
    """`text` with `values` set under `presets.<scenario>`, all else as it was."""
    yaml = _round_trip()
    tree: dict[str, dict[str, dict[str, str | None]]] = yaml.load(text)
    for key, value in values.items():
        tree["presets"][scenario][key] = value
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


class _WithNull(RoundTripRepresenter):  # type: ignore[misc]
    """Writes None as `null`, as the file does, where ruamel would write nothing."""

    def represent_none(self, _value: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_WithNull.add_representer(type(None), _WithNull.represent_none)


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.Representer = _WithNull
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml
