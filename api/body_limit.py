"""Reads a form before FastAPI does: of a known media type, small, in time, without files."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from email.message import Message

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message as Received

from api.errors import BodyTooLarge, BodyTooSlow, BrokenForm, InvalidForm, WrongMediaType

_JSON = "application/json"
_MEDIA_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
_MAX_FIELDS = 16
_TIMEOUT_S = 15.0
_FILES = (
    "Files are not taken, every field is a text. Remedy: `curl -F 'prompt=<file'` sends what a file"
    " holds; with `@` in the place of `<` it sends the file."
)


async def with_form_read(
    request: Request, max_bytes: int, allowed: Sequence[str] = _MEDIA_TYPES
) -> Request:
    """`request` with its form read.

    Raises BodyTooLarge, BodyTooSlow, WrongMediaType, InvalidForm for what is no UTF-8, BrokenForm
    for a malformed body, too many fields and files.
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

    unread = iter([body])

    async def replay() -> Received:
        """The body once, then what the client does: that it hangs up."""
        for read_body in unread:
            return {"type": "http.request", "body": read_body, "more_body": False}
        return await request.receive()

    read = Request(request.scope, replay)
    # A request parses its form once: what asks for it later, FastAPI first, gets this one.
    try:
        await read.form(max_files=0, max_fields=_MAX_FIELDS, max_part_size=max_bytes)
    except HTTPException as error:
        raise BrokenForm(_FILES if "files" in error.detail else f"{error.detail}") from error
    return read


async def with_fields_read(request: Request, max_bytes: int) -> dict[str, object]:
    """The fields of a form or of a JSON object. Raises as `with_form_read` does, InvalidForm for
    JSON that is no object of fields."""
    if _media_type(request) != _JSON:
        read = await with_form_read(request, max_bytes, (*_MEDIA_TYPES, _JSON))
        return dict((await read.form()).multi_items())
    body = await _body(request, max_bytes)
    try:
        fields = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidForm({"body": "not valid JSON in UTF-8"}) from error
    if not isinstance(fields, dict):
        raise InvalidForm({"body": "not a JSON object of fields"})
    return fields


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
    return bytes(body)
