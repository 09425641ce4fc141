"""What may be served and how (`configs/model/optimized_inference.yaml`): reading and editing it.

Edits keep every comment and line that they don't concern.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from slora_assets.config.data import ScenarioName
from slora_assets.config.errors import ConfigError
from slora_assets.config.yaml_reader import Settings, read_settings
from slora_assets.provenance.files import replacing
from slora_assets.provenance.records import ADAPTER_FILE

PromotableVerdict = Literal["pass", "inconclusive"]
"""`inconclusive` only by an explicit, recorded override; `fail` never."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

DEFAULT_SPEED = "default"


class Limits(Settings):
    """What a request may cost."""

    max_prompt_characters: Annotated[int, Field(ge=1, le=10_000)]
    max_steps: Annotated[int, Field(ge=1, le=1000)]
    max_queue: Annotated[int, Field(ge=0, le=1000)]
    """Requests waiting behind the one that generates."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=10_000_000)]


class SpeedPreset(Settings):
    """How a base is sampled; nothing means the base's own default."""

    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=50)] | None = None


class ScenarioPreset(Settings):
    """A scenario's adapter, and the strengths it may be asked for."""

    adapter: str | None
    """The adapter file, relative to the workspace; always `registered_path(sha256)`."""
    sha256: Sha256 | None
    scale: float
    scale_min: float
    scale_max: float
    verdict: PromotableVerdict | None

    @model_validator(mode="after")
    def _consistent(self) -> ScenarioPreset:
        given = [value is not None for value in (self.adapter, self.sha256, self.verdict)]
        if any(given) and not all(given):
            raise ValueError("adapter, sha256 and verdict are either all set or all null")
        if self.sha256 is not None and self.adapter != registered_path(self.sha256):
            raise ValueError(f"adapter must be {registered_path(self.sha256)}")
        if not self.scale_min <= self.scale <= self.scale_max:
            raise ValueError("scale must lie in scale_min..scale_max")
        return self


class Presets(Settings):
    """The file, whole."""

    schema_version: Literal[1]
    base_model: str
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    limits: Limits
    speed: dict[str, SpeedPreset]
    presets: dict[ScenarioName, ScenarioPreset]

    @model_validator(mode="after")
    def _affordable(self) -> Presets:
        if DEFAULT_SPEED not in self.speed:
            raise ValueError(f"speed must hold a preset named '{DEFAULT_SPEED}'")
        for name, speed in self.speed.items():
            if (speed.steps or 0) > self.limits.max_steps:
                raise ValueError(f"speed.{name}.steps is beyond limits.max_steps")
        return self


def registered_path(sha256: str) -> str:
    """Where a registered adapter's file lies, relative to the workspace."""
    return f"checkpoints/registry/{sha256}/{ADAPTER_FILE}"


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
    path: Path, scenario: str, sha256: str | None, verdict: PromotableVerdict | None
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
    tree: Any = yaml.load(text)
    for key, value in values.items():
        tree["presets"][scenario][key] = value
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


class _WithNull(RoundTripRepresenter):  # type: ignore[misc]
    """Writes None as `null`, as the file does, where ruamel would write nothing."""

    def represent_none(self, _value: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_WithNull.add_representer(type(None), _WithNull.represent_none)


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.Representer = _WithNull
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml
