"""Reading and editing the presets (`configs/model/optimized_inference.yaml`).

Edits keep every comment and line that they don't concern.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from slora_assets.config.errors import ConfigError
from slora_assets.config.kept_lines import BYTE_ORDER_MARK, with_kept_lines
from slora_assets.config.licences import Use
from slora_assets.config.places import refuse_shipped
from slora_assets.config.yaml_reader import read_settings
from slora_assets.deployment.strengths import Strengths
from slora_assets.documents import (
    Presets,
    PromotableAnswer,
    ScenarioPreset,
    registered_path,
)
from slora_assets.provenance import replacing

Value: TypeAlias = str | float | None


def read_presets(path: Path, without: Collection[str] = ()) -> Presets:
    """Read the file, as if there were no such scenarios as those in `without`. Raises ConfigError,
    MissingInputError."""
    return read_settings(path, Presets, without=[("presets", name) for name in without])


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


def preset_values(
    sha256: str | None,
    verdict: PromotableAnswer | None,
    strengths: Strengths | None = None,
    use: Use | None = None,
) -> dict[str, Value]:
    """What promotion and demotion set in a preset; a demotion leaves the strengths as they are."""
    values: dict[str, Value] = {
        "adapter": None if sha256 is None else registered_path(sha256),
        "sha256": sha256,
        "verdict": verdict,
        "use": use,
    }
    if strengths is not None:
        values |= {
            "scale": strengths.scale,
            "scale_min": strengths.least,
            "scale_max": strengths.most,
        }
    return values


@contextmanager
def edited_preset(path: Path, scenario: str, values: dict[str, Value]) -> Iterator[None]:
    """Set keys of a scenario's preset in place, once what stands inside is done.

    Before that the edited text is read back: it must be valid, and all other presets as they were.
    Raises ConfigError.
    """
    refuse_shipped(path)
    before = read_presets(path).presets
    edited = edited_text(path.read_bytes().decode(), scenario, values)
    with replacing(path) as temporary:
        temporary.write_bytes(edited.encode())
        after = read_presets(temporary).presets
        changed = [n for n in before if n != scenario and after.get(n) != before[n]]
        if changed:
            raise ConfigError(
                "an edit of one preset would change others, which share its lines by an alias",
                file=path,
                key=f"presets.{scenario}",
                found=f"the lines of {', '.join(changed)}, too",
                expected="lines of its own",
                remedy="write these presets out",
            )
        yield


def write_preset(path: Path, scenario: str, values: dict[str, Value]) -> None:
    """As `edited_preset`, at once."""
    with edited_preset(path, scenario, values):
        pass


def edited_text(text: str, scenario: str, values: dict[str, Value]) -> str:
    """`text` with `values` set under `presets.<scenario>`, all else as it was."""
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    yaml = _round_trip()
    yaml.explicit_start = any(line.startswith("---") for line in text.splitlines())
    yaml.explicit_end = any(line.startswith("...") for line in text.splitlines())
    tree: dict[str, dict[str, CommentedMap]] = yaml.load(text)
    unedited = _dumped(yaml, tree)
    preset = tree["presets"][scenario]
    for key, value in values.items():
        if key in preset:
            preset[key] = value
        elif value is not None:  # a key that came later: what follows the last stays there
            preset.insert(len(preset) - 1, key, value)
    edited = _dumped(yaml, tree)
    kept = with_kept_lines(text, unedited, edited)
    # Lines of the file and of the writer, indented differently, need not fit together.
    return mark + (kept if _reads_alike(kept, edited) else edited)


def _dumped(yaml: YAML, tree: object) -> str:
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _reads_alike(text: str, other: str) -> bool:
    plain = YAML(typ="safe")
    try:
        return bool(plain.load(text) == plain.load(other))
    except YAMLError:
        return False


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
