"""Settings as Markdown tables: the pydantic models in, a row per key out."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from api.errors import ApiError
from slora_assets.config.data import DatasetSettings, ScenariosSettings
from slora_assets.config.notices import NoticeSettings
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import ValidationPrompts
from slora_assets.config.variables import VARIABLES
from slora_assets.documents import Presets

Schema = Mapping[str, Any]

MODELS: Final[dict[str, type[BaseModel]]] = {
    "recipe": TrainingSettings,
    "dataset": DatasetSettings,
    "scenarios": ScenariosSettings,
    "validation prompts": ValidationPrompts,
    "presets": Presets,
    "notices": NoticeSettings,
}
"""The models behind each table of `docs/settings.md`."""

_TYPES: Final = {"string": "text", "boolean": "true or false", "integer": "integer"}


@dataclass(frozen=True)
class Row:
    """One key of a file."""

    key: str
    type_: str
    default: str
    meaning: str


def settings_table(model: type[BaseModel]) -> str:
    """All keys of the file that `model` reads, nested ones with dots."""
    schema = model.model_json_schema()
    return _table(
        ("key", "type", "default", "meaning"),
        [(f"`{row.key}`", row.type_, row.default, row.meaning) for row in _rows(schema, schema)],
    )


def form_table() -> str:
    """The fields that a clip may be asked for with."""
    from api.form import GenerateForm

    return settings_table(GenerateForm)


def job_table() -> str:
    """A job as the service shows it."""
    from api.job_view import VideoJob

    return _meanings(VideoJob)


def generated_table() -> str:
    """What the service says of a finished clip."""
    from api.service import Generated

    return _meanings(Generated)


def problems_table() -> str:
    """The kinds of problems that the service answers with."""
    kinds = sorted(_kinds(ApiError), key=lambda one: (one.status, one.slug))
    return _table(
        ("status", "`type`", "when"),
        [
            (str(one.status), f"`urn:slora:problem:{one.slug}`", _one_line(one.__doc__ or ""))
            for one in kinds
            if one.__module__ == ApiError.__module__  # the comparison's own service has more
        ],
    )


def _kinds(error: type[ApiError]) -> list[type[ApiError]]:
    below = error.__subclasses__()
    return below + [deeper for one in below for deeper in _kinds(one)]


def _meanings(model: type[BaseModel]) -> str:
    schema, said = model.model_json_schema(), attribute_docstrings(model)
    return _table(
        ("field", "type", "meaning"),
        [
            (f"`{name}`", _type(field, schema), _one_line(said.get(name, "")))
            for name, field in schema["properties"].items()
        ],
    )


def launchpad_table() -> str:
    """What can be set in Dagster's launchpad: resources and the assets that take a config."""
    from slora_assets.defs.assets.deployment import PresetChange
    from slora_assets.defs.assets.training import TrainingRunConfig
    from slora_assets.defs.compute import ComputeResource
    from slora_assets.defs.project import ProjectResource

    rows = []
    for owner, model in (
        ("resources.compute.config", ComputeResource),
        ("resources.project.config", ProjectResource),
        ("ops.scenario_adapter.config", TrainingRunConfig),
        ("ops.unified_adapter.config", TrainingRunConfig),
        ("ops.inference_presets.config", PresetChange),
    ):
        schema, said = model.model_json_schema(), attribute_docstrings(model)
        for row in _rows(schema, schema):
            meaning = row.meaning or _one_line(said.get(row.key, ""))
            rows.append((f"`{owner}.{row.key}`", row.type_, row.default, meaning))
    return _table(("key", "type", "default", "meaning"), rows)


def environment_table() -> str:
    """The environment variables that slora reads."""
    return _table(
        ("variable", "`make` calls it", "default", "meaning"),
        [
            (f"`{one.name}`", f"`{one.make}`" if one.make else "", one.default, one.meaning)
            for one in VARIABLES
        ],
    )


def libraries_table() -> str:
    """What slora sets for the libraries at the entry of a process, unless a user has set it."""
    import os
    import subprocess
    import sys

    script = (
        "import json, os; before = dict(os.environ);"
        "from slora_assets.processes.preloading import configure_libraries;"
        "configure_libraries();"
        "print(json.dumps({k: v for k, v in os.environ.items() if before.get(k) != v}))"
    )
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script], env=bare, capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return _table(("variable", "value"), [(f"`{n}`", f"`{found[n]}`") for n in sorted(found)])


def attribute_docstrings(model: type) -> dict[str, str]:
    """The text under each attribute of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in pairwise(body.body):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[before.target.id] = inspect.cleandoc(after.value.value)
    return found


def _rows(schema: Schema, root: Schema, prefix: str = "") -> Iterator[Row]:
    required = schema.get("required", ())
    for name, found in schema["properties"].items():
        key, optional = prefix + name, _is_optional(found)
        inner, below = _model_of(_without_null(found), root)
        if inner is None or optional:
            default = "required" if name in required else f"`{json.dumps(found.get('default'))}`"
            yield Row(key, _type(found, root), default, _one_line(found.get("description", "")))
        if inner is not None:
            yield from _rows(inner, root, f"{key}.{below}")


def _model_of(found: Schema, root: Schema) -> tuple[Schema | None, str]:
    """The model that a key holds, and what stands between them: `<name>.` in a mapping of them."""
    if "$ref" in found:
        target = root["$defs"][found["$ref"].rpartition("/")[2]]
        return (target, "") if "properties" in target else (None, "")
    values = [found.get("additionalProperties"), *found.get("patternProperties", {}).values()]
    for value in values:
        if isinstance(value, Mapping) and "$ref" in value:
            return _model_of(value, root)[0], "<name>."
    return None, ""


def _type(found: Schema, root: Schema) -> str:
    if _is_optional(found):
        return f"{_type(_without_null(found), root)}, or null"
    if "$ref" in found:
        return "mapping"
    if "const" in found:
        return f"`{json.dumps(found['const'])}`"
    if "enum" in found:
        return "one of " + ", ".join(f"`{value}`" for value in found["enum"])
    kind = found.get("type")
    if kind == "array":
        if "prefixItems" in found:
            parts = [_type(part, root) for part in found["prefixItems"]]
            return f"list of {len(parts)}: {', '.join(parts)}"
        items = _type(found.get("items", {}), root)
        return f"list of {items}" + (", at least one" if found.get("minItems") == 1 else "")
    if kind == "object":
        values = found.get("additionalProperties")
        return f"mapping to {_type(values, root)}" if isinstance(values, Mapping) else "mapping"
    if kind in ("integer", "number"):
        return kind + _bounds(found)
    return _TYPES.get(str(kind), str(kind))


def _bounds(found: Schema) -> str:
    said = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    parts = [f"{text} {found[key]:,}" for key, text in said.items() if key in found]
    return f" {' and '.join(parts)}" if parts else ""


def _is_optional(found: Schema) -> bool:
    return {"type": "null"} in found.get("anyOf", ())


def _without_null(found: Schema) -> Schema:
    if not _is_optional(found):
        return found
    left = [one for one in found["anyOf"] if one != {"type": "null"}]
    assert len(left) == 1, "no setting has two types beside null"
    return left[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
