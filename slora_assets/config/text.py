"""One way in for text, whoever wrote it: bytes are decoded, characters made regular, words folded
so that they match however they were typed.

`clean` is for what is kept, `tidy` for what is shown or asked, `fold` for what is only compared.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZERO_WIDTH_SPACE: Final = "\u200b"
_JOINERS: Final = "\u200c\u200d"
"""Persian parts its words' halves with the first, emoji make families with the second."""
_LOOSE_JOINERS: Final = re.compile(
    rf"(?<![\u0300-\U0010ffff])[{_JOINERS}]+|[{_JOINERS}]+(?![\u0300-\U0010ffff])"
)
"""In Latin script they mean nothing."""
_LOOSE_TAGS: Final = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+")
"""Letters that can't be seen: they belong to flags, and else smuggle text."""
_SHOWN: Final = frozenset(
    [*_JOINERS, *"\u06dd\u070f\u08e2\U000110bd\U000110cd"]
    + [chr(code) for code in (*range(0x0600, 0x0606), 0x0890, 0x0891, *range(0xE0020, 0xE0080))]
)
"""Format characters that say something: joiners, signs around Arabic numbers, flags' letters."""
_ORDER: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make a text look like another one."""
_BLANK: Final = frozenset(f"{_ZERO_WIDTH_SPACE}\u3164\uffa0\ufffc")
"""Seen as nothing, and no white space to Unicode."""
_APOSTROPHES: Final = "\u2019\u2018\u201b\u02bc\u02b9\u2032\u00b4\u0060\uff07"
_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_WORD: Final = re.compile(r"\w+")
_ALIKE: Final = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_HYPHENS, "-")
    | dict.fromkeys(f"{_JOINERS}\ufe0e\ufe0f")
)


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or what its byte order mark says. Raises UnicodeDecodeError."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    return data.decode()


def clean(text: str) -> str:
    """Composed (NFC), every kind of white space a plain space, nothing that can't be seen.

    Characters newer than this Python's tables stay, and so do joiners where they mean something.
    """
    if text.isascii() and text.isprintable():
        return text
    regular = unicodedata.normalize("NFC", text).translate(_REGULAR)
    if regular.isascii():
        return regular
    return _LOOSE_TAGS.sub("", _LOOSE_JOINERS.sub("", regular))


def tidy(text: str) -> str:
    """A clean text on one line, its words parted by single spaces."""
    return " ".join(clean(text).split())


def fold(text: str) -> str:
    """What texts have in common that say the same in other characters: case, width, apostrophes,
    hyphens and quotation marks as keyboards and word processors make them.

    A zero-width space parts words or merely stands in one; both readings are given.
    """
    if text.isascii():
        return clean(text).lower().replace("`", "'")
    if _ZERO_WIDTH_SPACE in text:
        parted, joined = (fold(text.replace(_ZERO_WIDTH_SPACE, one)) for one in (" ", ""))
        return f"{parted} | {joined}"
    alike = clean(text).translate(_ALIKE)
    folded = unicodedata.normalize("NFKC", alike).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_ALIKE)


def words(text: str) -> list[str]:
    """Its words in one case and in order, without what stands between them."""
    lower = text.casefold()
    if lower.replace(" ", "").isalnum():  # nearly all captions, and many times faster
        return lower.split()
    return _WORD.findall(lower)


def unwelcome(text: str) -> bool:
    """Whether nobody types such a text: it holds control characters, halves of a surrogate pair,
    characters that no standard has, or turns the order of what is read."""
    return not (text.isascii() and text.isprintable()) and any(
        character in _ORDER or (_is_control(character) and character not in "\n\t\r\x85")
        for character in text
    )


def _is_control(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Co")
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
    )


class _Regular(dict[int, str | None]):
    """What stands for a character, looked up once for each."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        kind = unicodedata.category(character)
        found: str | None = character
        if kind[0] == "Z" or character in _BLANK or _is_control(character):
            found = " "
        elif kind == "Cf" and character not in _SHOWN:
            found = None
        self[code] = found
        return found


_REGULAR: Final = _Regular()
