"""The form of POST /generate: raw fields in, checked values out, every complaint at once."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.types import Message

from api.errors import BodyTooLarge, BodyTooSlow, InvalidForm, WrongMediaType
from slora_assets.documents.presets import Presets

FIELDS = ("prompt", "scenario", "lora_scale", "lora_path")

_MEDIA_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_BODY_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class GenerateForm:
    """A checked request; `lora_path` still has to be compared with the adapter chosen."""

    prompt: str
    scenario: str
    lora_scale: float
    lora_path: str | None


async def read_fields(request: Request, max_bytes: int) -> FormData:
    """The form's fields, unread files refused.

    Raises BodyTooLarge, BodyTooSlow, WrongMediaType; starlette answers a malformed body with 400.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _MEDIA_TYPES:
        raise WrongMediaType(f"Send the fields as {' or '.join(_MEDIA_TYPES)}.")
    body = await _body(request, max_bytes)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await Request(request.scope, replay).form(
        max_files=0, max_fields=4 * len(FIELDS), max_part_size=max_bytes
    )


async def _body(request: Request, max_bytes: int) -> bytes:
    too_large = BodyTooLarge(f"A request may have {max_bytes} bytes.")
    length = request.headers.get("content-length", "0")
    # Digits beyond what int() takes are a lie or an attack; the count below sees the real bytes.
    if length.isdecimal() and len(length) < 20 and int(length) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError as error:
        raise BodyTooSlow(f"The body must arrive within {_BODY_TIMEOUT_S:g} s.") from error
    return bytes(body)


def check_fields(form: FormData, presets: Presets) -> GenerateForm:
    """Hold the fields against the presets. Raises InvalidForm naming every field at fault."""
    wrong: dict[str, str] = {}
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name not in FIELDS:
            wrong[name[:64]] = f"unknown field; the fields are {', '.join(FIELDS)}"
        elif name in fields:
            wrong[name] = "given more than once"
        elif not isinstance(value, str):
            wrong[name] = "a file, where a text is expected"
        else:
            fields[name] = value
    prompt = _prompt(fields.get("prompt"), presets.limits.max_prompt_characters, wrong)
    scenario = fields.get("scenario")
    known = sorted(presets.presets)
    if scenario not in known:
        found = "missing" if scenario is None else "unknown scenario"
        wrong.setdefault("scenario", f"{found}; the scenarios are {', '.join(known)}")
    scale = 0.0
    if scenario in known:
        preset = presets.presets[str(scenario)]
        scale = _scale(
            fields.get("lora_scale"), preset.scale, preset.scale_min, preset.scale_max, wrong
        )
    path = fields.get("lora_path")
    if path is not None and not path:
        wrong["lora_path"] = "blank; leave the field out for the scenario's own adapter"
    if wrong:
        raise InvalidForm(wrong)
    return GenerateForm(prompt, str(scenario), scale, path)


def _prompt(value: str | None, most: int, wrong: dict[str, str]) -> str:
    text = (value or "").strip()
    if not text:
        wrong.setdefault("prompt", "missing or blank")
    elif len(text) > most:
        wrong["prompt"] = f"{len(text)} characters; at most {most} are allowed"
    elif not all(character.isprintable() or character in "\n\t\r" for character in text):
        wrong["prompt"] = "holds characters that can't be printed"
    return text


def _scale(
    value: str | None, default: float, least: float, most: float, wrong: dict[str, str]
) -> float:
    if value is None:
        return default
    scale = float(value) if len(value) <= 32 and _NUMBER.fullmatch(value) else math.nan
    if not least <= scale <= most:
        wrong["lora_scale"] = f"not a number from {least:g} to {most:g} in plain decimal notation"
        return default
    return scale + 0.0  # -0 becomes 0
