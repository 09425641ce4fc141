"""YAML in, typed settings out; every error names file, line, key, what was found and expected.

`${NAME}` in a string value is replaced by the environment variable NAME, which must then be set.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from slora_assets.config.errors import ConfigError, MissingInputError

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class Settings(BaseModel):
    """Base of all settings: frozen, unknown keys are errors, docstrings under fields describe."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


SettingsType = TypeVar("SettingsType", bound=BaseModel)


def read_settings(
    path: Path, model: type[SettingsType], overrides: Sequence[str] = ()
) -> SettingsType:
    """Read `path` into `model`.

    `overrides` are `dotted.key=value` strings (values in YAML) applied over the file.

    Raises MissingInputError when the file is absent and ConfigError for anything in it that the
    model doesn't allow: unknown keys come with the nearest known one.
    """
    tree = _parse(path)
    plain = {str(key): _expand(tree[key], path, tree, (key,)) for key in tree}
    for override in overrides:
        _apply_override(plain, override)
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise _first_error(error, path, tree, model) from error


def line_of(path: Path, *location: int | str) -> int | None:
    """The line (from 1) where a key or list entry stands, or the deepest part of the way to it that
    does. Raises ConfigError, MissingInputError."""
    return _line_of(_parse(path), location)


def _parse(path: Path) -> CommentedMap:
    try:
        return _tree(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        neighbours = sorted(str(p.name) for p in path.parent.glob("*.yaml"))
        raise MissingInputError(
            "the configuration file does not exist",
            file=path,
            remedy=f"name one of {neighbours}" if neighbours else "check the path",
        ) from error


@lru_cache(maxsize=256)
def _tree(path: Path, text: str) -> CommentedMap:
    """The file's tree, to be read only: assets of every partition ask for the same few files."""
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            f"not valid YAML ({(error.problem or 'syntax error').strip()})",
            file=path,
            line=mark.line + 1 if mark else None,
            expected="a YAML mapping without repeated keys",
            remedy="correct the line",
        ) from error
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            "the file holds no mapping", file=path, found=type(tree).__name__, expected="key: value"
        )
    return tree


def _expand(
    node: object, path: Path, root: CommentedMap, location: tuple[int | str, ...]
) -> object:
    """What stands at `location` as plain dicts and lists, with `${NAME}` replaced."""
    if isinstance(node, CommentedMap):
        return {str(key): _expand(node[key], path, root, (*location, key)) for key in node}
    if isinstance(node, CommentedSeq):
        return [_expand(item, path, root, (*location, i)) for i, item in enumerate(node)]
    if isinstance(node, str):

        def value_of(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in os.environ:
                raise ConfigError(
                    f"the environment variable {name} is not set",
                    file=path,
                    line=_line_of(root, location),
                    key=_dotted(location),
                    found=str(node),
                    remedy=f"set {name}, or write the value into the file",
                )
            return os.environ[name]

        return _VARIABLE.sub(value_of, str(node))
    return node


def _apply_override(plain: dict[str, object], override: str) -> None:
    key, separator, raw = override.partition("=")
    if not separator or not key:
        raise ConfigError("an override has no value", found=override, expected="dotted.key=value")
    target = plain
    *parents, last = key.split(".")
    for parent in parents:
        below = target.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ConfigError("an override goes below a plain value", key=key, found=override)
        target = below
    target[last] = YAML(typ="safe").load(raw)


def _dotted(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)


def _line_of(root: CommentedMap, location: Sequence[int | str]) -> int | None:
    """The line (from 1) of the deepest part of `location` that stands in the file."""
    node: object = root
    line: int | None = None
    for part in location:
        try:
            if (isinstance(node, CommentedMap) and part in node) or (
                isinstance(node, CommentedSeq) and isinstance(part, int)
            ):
                line = node.lc.data[part][0] + 1
            else:
                break
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _first_error(
    error: ValidationError, path: Path, root: CommentedMap, model: type[BaseModel]
) -> ConfigError:
    details = error.errors(include_url=False)
    first = details[0]
    location = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
    more = f" (and {len(details) - 1} more errors)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        return ConfigError(
            f"unknown key{more}",
            file=path,
            line=_line_of(root, location),
            key=_dotted(location),
            found=str(location[-1]),
            expected=f"one of {known}",
            remedy=f"did you mean '{near[0]}'?" if near else "remove the key",
        )
    if first["type"] == "missing":
        return ConfigError(
            f"a required key is missing{more}",
            file=path,
            line=_line_of(root, location),
            key=_dotted(location),
            remedy="add the key",
        )
    return ConfigError(
        f"{first['msg']}{more}",
        file=path,
        line=_line_of(root, location),
        key=_dotted(location) or None,
        found=first.get("input"),
        remedy="correct the value",
    )


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The keys a model knows at a nested location, following fields, lists and dicts of models."""
    current: type[BaseModel] | None = model
    for part in location:
        if current is not None:
            field = current.model_fields.get(str(part))
            if field is None:
                return []
            current = _model_within(field.annotation)
        # a list index or a dict key stays at the model found inside the annotation
    return [] if current is None else sorted(current.model_fields)


def _model_within(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_within(argument)
        if found is not None:
            return found
    return None
