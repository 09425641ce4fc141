"""SHA-256 of files and of JSON-like objects (RFC 8785), the only two hashes slora knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import orjson
import rfc8785

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
"""What canonical JSON can hold; NaN and infinities are refused by RFC 8785."""


_WHOLE: Final = 10**15
_SMALL: Final = 1e-3
"""Between these, floats are written without an exponent whoever writes them."""


def sha256_bytes(data: bytes | memoryview) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes. Raises OSError when it can't be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def object_hash(value: object) -> str:
    """Hex SHA-256 of a JSON-like object's canonical form.

    Raises rfc8785.CanonicalizationError for NaN, infinities and integers beyond 2**53.
    """
    return sha256_bytes(canonical_json(value).encode())


def canonical_json(value: object) -> str:
    """A JSON-like object's canonical form (RFC 8785: sorted keys, one number form).

    Raises rfc8785.CanonicalizationError for NaN, infinities and integers beyond 2**53.
    """
    # orjson is ten times faster; what it would write otherwise, or not at all, is left to rfc8785.
    try:
        return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()
    except (_NotPlainError, TypeError):
        return rfc8785.dumps(cast("Any", value)).decode()


def canonical_rows(columns: Mapping[str, Sequence[object]]) -> str:
    """The canonical form of a list of objects that are given in columns of equal length: of texts,
    of lists of texts, or of numbers. The same as `canonical_json` of them, many times faster.

    Raises as `canonical_json` does.
    """

    def objects(columns: Iterable[Sequence[object]]) -> list[dict[str, object]]:
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    names = sorted(columns)
    ordered = [columns[name] for name in names]
    try:
        _plain(dict.fromkeys(names))
        return orjson.dumps(objects(map(_plain_column, ordered))).decode()
    except (_NotPlainError, TypeError):
        return canonical_json(objects(ordered))


def _plain_column(values: Sequence[object]) -> Sequence[object]:
    """The same for many of a kind: texts and lists of texts are as they are."""
    if values and type(values[0]) in (str, list):
        return values
    return [_plain(value) for value in values]


class _NotPlainError(Exception):
    """The value holds something that orjson writes differently from RFC 8785."""


def _plain(value: object) -> object:
    """`value` such that orjson's JSON is the canonical form. Raises _NotPlainError."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        items = cast("dict[str, object]", value)
        # Beyond ASCII, RFC 8785 sorts keys by UTF-16 units, orjson by UTF-8 bytes.
        if not "".join(items).isascii():
            raise _NotPlainError
        # Most are text: it is worth not to call this function for each.
        return {k: item if type(item) is str else _plain(item) for k, item in items.items()}
    if kind is list or kind is tuple:
        return [_plain(item) for item in cast("Sequence[object]", value)]
    number = cast("float", value)
    if kind is int and abs(number) < _WHOLE:
        return number
    if kind is float and (number == 0 or _SMALL <= abs(number) < _WHOLE):
        return int(number) if number.is_integer() else number
    raise _NotPlainError
