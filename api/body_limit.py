"""Reads the fields of a body by hand: of a known media type, small, in time, without files."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Never

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message as Received

from api.errors import (
    BodyCutOff,
    BodyTooLarge,
    BodyTooSlow,
    BrokenForm,
    InvalidForm,
    WrongMediaType,
)

_JSON = "application/json"
_MEDIA_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
_MAX_FIELDS = 16
_MAX_DIGITS = 32
_TIMEOUT_S = 15.0
_FILES = (
    "Files are not taken, every field is a text. Remedy: `curl -F 'prompt=<file'` sends what a file"
    " holds; with `@` in the place of `<` it sends the file."
)


@dataclass(frozen=True)
class Fields:
    """Names with their values in the order of a body, which may name one more than once."""

    pairs: tuple[tuple[str, object], ...]
    of_form: bool
    """All values are texts, and an empty one says no more than a field left out."""


async def with_form_read(
    request: Request, max_bytes: int, allowed: Sequence[str] = _MEDIA_TYPES
) -> Request:
    """`request` with its form read.

    Raises BodyTooLarge, BodyTooSlow, BodyCutOff, WrongMediaType, InvalidForm for what is no UTF-8,
    BrokenForm for a malformed body, too many fields and files.
    """
    declared = _media_type(request)
    if declared not in _MEDIA_TYPES:
        raise WrongMediaType(f"Send the fields as {' or '.join(allowed)}.")
    _refuse_other_charset(request)
    body = await _body(request, max_bytes)
    if declared == "application/x-www-form-urlencoded":
        body = _escaped(body)
    else:
        _refuse_undecodable(body)

    async def replay() -> Received:
        return {"type": "http.request", "body": body, "more_body": False}

    read = Request(request.scope, replay)
    # A request parses its form once: what asks for it later gets this one.
    try:
        await read.form(max_files=0, max_fields=_MAX_FIELDS, max_part_size=max_bytes)
    except HTTPException as error:
        raise BrokenForm(_FILES if "files" in error.detail else f"{error.detail}") from error
    return read


async def with_fields_read(request: Request, max_bytes: int) -> Fields:
    """The fields of a form or of a JSON object. Raises as `with_form_read` does, InvalidForm for
    JSON that is no object of fields."""
    if _media_type(request) != _JSON:
        read = await with_form_read(request, max_bytes, (*_MEDIA_TYPES, _JSON))
        return Fields(tuple((await read.form()).multi_items()), of_form=True)
    body = await _body(request, max_bytes)
    try:
        found = json.loads(
            body.decode(),
            object_pairs_hook=_Object,
            parse_int=_whole_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidForm({"body": "not valid JSON in UTF-8"}) from error
    if not isinstance(found, _Object):
        raise InvalidForm({"body": "not a JSON object of fields"})
    if len(found) > _MAX_FIELDS:
        raise BrokenForm(f"Too many fields. Maximum number of fields is {_MAX_FIELDS}.")
    return Fields(tuple(found), of_form=False)


class _Object(list[tuple[str, object]]):
    """A JSON object as it was sent, with what it says twice; a list in it is a plain one."""


def _whole_number(digits: str) -> int | float:
    """What is beyond all limits needn't be exact, and Python reads no more than 4,300 digits."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse_other_charset(request: Request) -> None:
    """Starlette would read the parts of a form in whatever charset is named."""
    named = Message()
    named["Content-Type"] = request.headers["content-type"]
    if named.get_content_charset("utf-8") not in ("utf-8", "us-ascii"):
        raise InvalidForm({"body": "not said to be in UTF-8"})


def _refuse_undecodable(body: bytes) -> None:
    """What isn't UTF-8 in a form's parts starlette takes for Latin-1. Files aren't taken anyway."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidForm({"body": "holds bytes that are no UTF-8, or a file"}) from error


def _escaped(body: bytes) -> bytes:
    """The body with its bytes beyond ASCII percent-encoded, as they should have been sent: `curl
    -d` sends them as they are, and starlette takes such bytes for Latin-1."""
    return re.sub(rb"[\x80-\xff]", lambda found: b"%%%02X" % found[0][0], body)


async def _body(request: Request, max_bytes: int) -> bytes:
    too_large = BodyTooLarge(f"A request may have {max_bytes} bytes.")
    length = request.headers.get("content-length", "0")
    # Digits beyond what int() takes are a lie or an attack; the count below sees the real bytes.
    if length.isdecimal() and len(length) < 20 and int(length) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError as error:
        raise BodyTooSlow(f"The body must arrive within {_TIMEOUT_S:g} s.") from error
    except ClientDisconnect as error:  # the log would call it an error of the service
        raise BodyCutOff(f"The client hung up after {len(body)} bytes of the body.") from error
    return bytes(body)
