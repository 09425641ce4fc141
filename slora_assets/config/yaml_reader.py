"""YAML in, typed settings out; every error names file, line, key, what was found and expected.

`${NAME}` in a string value is replaced by the environment variable NAME, which must then be set.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from slora_assets.config.described import Described
from slora_assets.config.errors import ConfigError, complaint
from slora_assets.config.yaml_tree import line_in, parsed, read_tree

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_NOT_TEXT: Final = re.compile(r"[\x00\ud800-\udfff]")
"""What YAML's escapes can say and no file name, prompt or JSON document can hold."""
_MOST_VALUES: Final = 1_000_000
"""Aliases of aliases make a few lines into billions."""
_LARGEST: Final = 2**53 - 1
"""Beyond it JSON's numbers are no longer exact, and hashes of settings are taken over JSON."""

Location = tuple[int | str, ...]


class Settings(Described):
    """Base of all settings: frozen, unknown keys are errors, docstrings under fields describe."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SettingsType = TypeVar("SettingsType", bound=BaseModel)


def read_settings(
    path: Path,
    model: type[SettingsType],
    overrides: Sequence[str] = (),
    given_by: str = "--set",
    without: Collection[Location] = (),
) -> SettingsType:
    """Read `path` into `model`, as if nothing stood at the places `without`.

    `overrides` are `dotted.key=value` strings (values in YAML) applied over the file; `given_by`
    says where they come from, for people.

    Raises MissingInputError when the file is absent and ConfigError for anything in it that the
    model doesn't allow: unknown keys come with the nearest known one, and what an override brought
    in is blamed on the override.
    """
    tree = read_tree(path)
    source = _Source(path, tree, model, [_Override(one, given_by) for one in overrides])
    plain = _Plain(source).mapping(_without(tree, without))
    for override in source.overrides:
        override.apply(plain, source)
    try:
        found = model.model_validate(plain)
    except ValidationError as error:
        raise source.first_error(error) from error
    for location, value, expected in _no_numbers(plain, found, ()):
        raise source.error("not a number that a setting can be", location, value, expected)
    return found


def line_of(path: Path, *location: int | str) -> int | None:
    """The line (from 1) where a key or list entry stands, or the deepest part of the way to it that
    does. Raises ConfigError, MissingInputError."""
    return line_in(read_tree(path), location)


class _Override:
    """A `dotted.key=value` that somebody gave over the file."""

    def __init__(self, given: str, given_by: str) -> None:
        key, separator, self._raw = given.partition("=")
        self.given, self.place = given, given_by
        self.key: Location = tuple(key.strip().split("."))
        if not separator or not all(self.key):
            raise ConfigError(
                "an override has no key or no value",
                key=given_by,
                found=given,
                expected="dotted.key=value",
                remedy="write it as in optimizer.learning_rate=1e-4",
            )

    def apply(self, plain: dict[str, object], source: _Source) -> None:
        """Set the key in `plain`."""
        target = plain
        *parents, last = map(str, self.key)
        for parent in parents:
            below = target.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ConfigError(
                    "an override goes below a plain value",
                    key=self.place,
                    found=self.given,
                    expected=f"a key below which there are others, which '{parent}' is not",
                    remedy=f"set '{parent}' itself, or another key; `docs/settings.md` lists all",
                )
            target = below
        try:
            value = parsed(self._raw)
        except ConfigError as error:
            raise ConfigError(
                error.what,
                key=self.place,
                found=self.given,
                expected="a value in YAML",
                remedy="quote it as YAML wants it, or correct it",
            ) from error
        target[last] = _Plain(source).value(value, self.key)

    def brought(self, location: Location) -> bool:
        """Whether what stands at `location` came with it."""
        path = tuple(map(str, location))
        return path[: len(self.key)] == self.key or self.key[: len(path)] == path


class _Source:
    """Where settings come from: errors name the file's line, or the override."""

    def __init__(
        self, path: Path, tree: CommentedMap, model: type[BaseModel], overrides: list[_Override]
    ) -> None:
        self.path, self.tree, self._model, self.overrides = path, tree, model, overrides

    def error(
        self,
        what: str,
        location: Location,
        found: object,
        expected: str | None = None,
        remedy: str = "correct the value",
    ) -> ConfigError:
        """The error about what stands at `location`."""
        by = next((one for one in reversed(self.overrides) if one.brought(location)), None)
        if by is not None:
            return ConfigError(
                f"{_dotted(location)}: {what}",
                key=by.place,
                found=by.given if found is None else found,
                expected=expected,
                remedy=remedy,
            )
        return ConfigError(
            what,
            file=self.path,
            line=line_in(self.tree, location),
            key=_dotted(location) or None,
            found=found,
            expected=expected,
            remedy=remedy,
        )

    def first_error(self, error: ValidationError) -> ConfigError:
        """The first thing that a model doesn't allow."""
        details = error.errors(include_url=False)
        first = details[0]
        location = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        if first["type"] == "extra_forbidden":
            known = _known_keys(self._model, location[:-1])
            near = difflib.get_close_matches(str(location[-1])[:200], known, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else "remove the key"
            key = str(location[-1])
            return self.error(f"unknown key{more}", location, key, f"one of {known}", remedy)
        if first["type"] == "missing":
            return self.error(
                f"a required key is missing{more}", location, None, remedy="add the key"
            )
        return self.error(f"{complaint(first)}{more}", location, first.get("input"))


class _Plain:
    """A tree as plain dicts and lists, with `${NAME}` replaced."""

    def __init__(self, source: _Source) -> None:
        self._source, self._values = source, 0

    def mapping(self, node: Mapping[object, object], at: Location = ()) -> dict[str, object]:
        """A mapping's values by key; keys are text."""
        found: dict[str, object] = {}
        for key, value in node.items():
            if str(key) in found:
                raise self._source.error("a repeated key", (*at, str(key)), str(key))
            place = (*at, key if isinstance(key, str | int) else str(key))
            found[self._text(str(key), at)] = self.value(value, place)
        return found

    def value(self, node: object, at: Location) -> object:
        """What stands at a place."""
        self._values += 1
        if self._values > _MOST_VALUES:
            raise self._source.error("more values than settings have", at[:1], None)
        try:
            if isinstance(node, CommentedMap | dict):
                return self.mapping(node, at)
            if isinstance(node, CommentedSeq | list):
                return [self.value(item, (*at, i)) for i, item in enumerate(node)]
        except RecursionError as error:
            raise self._source.error("nested too deep, or in itself", at[:1], None) from error
        if isinstance(node, str):
            return self._text(_VARIABLE.sub(lambda match: self._variable(match, at), node), at)
        return node

    def _variable(self, match: re.Match[str], at: Location) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise self._source.error(
                f"the environment variable {name} is not set",
                at,
                str(match.string),
                remedy=f"set {name}, or write the value into the file",
            )
        return os.environ[name]

    def _text(self, text: str, at: Location) -> str:
        if _NOT_TEXT.search(text):
            raise self._source.error("a character that no text holds", at, text, "text in UTF-8")
        return text


def _without(
    node: Mapping[object, object], places: Collection[Location], at: Location = ()
) -> Mapping[object, object]:
    """`node`, which stands at `at`, without what stands at `places`."""
    if not places:
        return node
    kept: dict[object, object] = {}
    for key, value in node.items():
        place = (*at, str(key))
        if place in places:
            continue
        below = [one for one in places if one[: len(place)] == place]
        kept[key] = _without(value, below, place) if isinstance(value, Mapping) else value
    return kept


def _no_numbers(
    given: object, taken: object, at: Location
) -> Iterator[tuple[Location, object, str]]:
    """Where `given` was taken for a number and is none, or is one that JSON can't say: the place,
    what stands there and what should."""
    if isinstance(given, bool):
        if isinstance(taken, int | float) and not isinstance(taken, bool):
            yield at, given, "a number"
    elif isinstance(taken, int) and abs(taken) > _LARGEST:
        yield at, given, f"a number from {-_LARGEST} to {_LARGEST}"
    elif isinstance(given, dict):
        below = taken if isinstance(taken, dict) else vars(taken) if _is_model(taken) else {}
        for key, value in given.items():
            if key in below:
                yield from _no_numbers(value, below[key], (*at, key))
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for number, (one, other) in enumerate(zip(given, taken, strict=False)):
            yield from _no_numbers(one, other, (*at, number))


def _is_model(taken: object) -> bool:
    return isinstance(taken, BaseModel)


def _dotted(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)


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
