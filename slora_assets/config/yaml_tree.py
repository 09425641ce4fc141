"""A YAML file as a tree that knows its lines: whatever the file holds, what is wrong with it is one
ConfigError that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from slora_assets.config.errors import ConfigError, MissingInputError, UnreadableError

MOST_BYTES: Final = 16 * 2**20
"""Of a configuration file: more is a video or an archive that was named by mistake."""


def read_tree(path: Path) -> CommentedMap:
    """The mapping that a file holds. Raises ConfigError, MissingInputError."""
    return _tree(path, _text(path))


def parsed(text: str) -> object:
    """The value that a piece of YAML says. Raises ConfigError without a file."""
    return _loaded(text, None, "safe")


def line_in(root: CommentedMap, location: Sequence[int | str]) -> int | None:
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


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        neighbours = sorted(str(p.name) for p in path.parent.glob("*.yaml"))
        raise MissingInputError(
            "the configuration file does not exist",
            file=path,
            remedy=f"name one of {neighbours}" if neighbours else "check the path",
        ) from error
    except (OSError, ValueError) as error:  # a folder, no permission, a NUL in the name
        raise UnreadableError(
            f"the configuration file can't be read ({getattr(error, 'strerror', None) or error})",
            file=path,
            expected="a YAML file",
            remedy="name the file itself, and see that you may read it",
        ) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(
            "too large for a configuration file",
            file=path,
            found=f"more than {MOST_BYTES} bytes",
            expected="a YAML file",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            "the file is no text in UTF-8",
            file=path,
            line=data[: error.start].count(b"\n") + 1,
            found=data[error.start : error.start + 16],
            expected="YAML in UTF-8",
            remedy="save it as UTF-8",
        ) from error


@lru_cache(maxsize=256)
def _tree(path: Path, text: str) -> CommentedMap:
    """The file's tree, to be read only: assets of every partition ask for the same few files."""
    tree = _loaded(text, path, "rt")
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            "the file holds no mapping", file=path, found=type(tree).__name__, expected="key: value"
        )
    return tree


def _loaded(text: str, path: Path | None, kind: str) -> object:
    try:
        loaded: object = YAML(typ=kind, pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            f"not valid YAML ({(error.problem or 'syntax error').strip()})",
            file=path,
            line=mark.line + 1 if mark and path is not None else None,
            found=None if path is not None else text,
            expected=None if path is None else "a YAML mapping without repeated keys",
            remedy="correct the line" if path is not None else "correct the value",
        ) from error
    except (
        Exception
    ) as error:  # the parser fails in many ways on what is no YAML: never a traceback
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, RecursionError):
            why = "it is nested too deep"
        raise ConfigError(
            f"not valid YAML ({why})",
            file=path,
            found=text,
            expected="YAML",
            remedy="correct the file" if path is not None else "correct the value",
        ) from error
    return loaded
