"""What stands in an annotation, whatever it is, becomes the value that it should be, or a fault.

Every format's values come through here, so that one habit of a file's writer is read alike in all.
"""

from __future__ import annotations

import math
import re
from reprlib import Repr
from typing import Final

from slora_assets.config.clip_ids import EXPECTED, is_clip_id
from slora_assets.config.dataset_files import without_ending
from slora_assets.config.text import clean, tidy, unwelcome
from slora_assets.curation.sources import canonical_source

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:\.\d*)?)", re.ASCII)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,190}", re.ASCII)
_SHOWN: Final = 100
"""Characters of a foreign value that a sentence shows."""

_BRIEF: Final = Repr()
_BRIEF.maxlevel, _BRIEF.maxother, _BRIEF.maxstring = 3, 40, 40


class ValueFault(ValueError):
    """A value that can't be read as what it should be."""

    def __init__(self, found: object, expected: str) -> None:
        super().__init__(f"found {shown(found)}, expected {expected}")


def shown(found: object) -> str:
    """A value as a sentence shows it."""
    if isinstance(found, str):
        text = repr(found[: _SHOWN + 1])
    else:
        try:
            text = _BRIEF.repr(found)
        except ValueError:  # which Python doesn't write out
            text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


def as_id(value: object) -> str:
    """A clip's name, without the ending of its file."""
    if type(value) is str and _PLAIN_NAME.fullmatch(value):  # nearly all are, and there are many
        return value
    text = _text(value, "a name")
    name = without_ending(tidy(text or ""))
    if unwelcome(text or "") or not is_clip_id(name):
        raise ValueFault(value, EXPECTED)
    return name


def as_text(value: object) -> str | None:
    """A text or a number as text; None where nothing is said."""
    return tidy(_text(value, "a text") or "") or None


def as_source(value: object) -> str | None:
    """A source video, in the one spelling of its address."""
    text = as_text(value)
    return canonical_source(text) if text else None


def as_captions(value: object) -> list[str]:
    """A list of texts; blank ones say nothing."""
    if not isinstance(value, list):
        raise ValueFault(value, "a list of texts")
    for one in value:
        if not isinstance(one, str):
            raise ValueFault(one, "a text in the list")
    whole = "".join(value)
    if whole.isascii() and whole.isprintable() and all(map(str.strip, value)):
        return list(value)
    return [said for one in value if (said := clean(one)) and not said.isspace()]


def as_number(value: object) -> float | None:
    """A finite number, in figures or as text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    found = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = _finite(value)
    elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        found = _finite(value.strip())
    if not math.isfinite(found):
        raise ValueFault(value, "a number")
    return found


def as_seconds(value: object) -> float | None:
    """A time in seconds, or as `h:mm:ss.f` or `mm:ss`."""
    clock = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if clock is not None:
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    try:
        found = as_number(value)
    except ValueFault as fault:
        raise ValueFault(value, "seconds, or h:mm:ss") from fault
    if found is not None and found < 0:
        raise ValueFault(value, "seconds from 0 on")
    return found


def _finite(value: float | str) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(value: object, expected: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    raise ValueFault(value, expected)
