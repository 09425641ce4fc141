"""Texts that say the same in nearly the same words, of which one is enough.

Letters' case, punctuation, the order of words, articles and the like, a word's ending and a slip of
the keyboard in a long word make no other text. The endings are English.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from rapidfuzz.distance import OSA

from slora_assets.config.text import words

Words = frozenset[str]
"""What a text says, whatever its wording: its words without their endings."""

_SAY_NOTHING: Final = frozenset(
    re.findall(
        r"\w+",
        "a an the this that these those there it its some someone somebody"
        " is are was were be being been has have had am s",
    )
)
_ENDINGS: Final = {"ies": "y", "ied": "y", "ing": "", "es": "", "ed": "", "s": "", "e": ""}
"""Endings, the first that fits, with what comes in their place."""
_LEAST: Final = 3
"""Letters that a word keeps."""
_LONG: Final = 6
"""A slip of the keyboard is looked for in words of so many letters: shorter ones that differ by a
letter are mostly two words."""


def words_of(text: str) -> Words:
    """The words of a text that say something, without endings; all of them if none does."""
    every = words(text)
    return frozenset(_stem(word) for word in every if word not in _SAY_NOTHING) or frozenset(every)


def _stem(word: str) -> str:
    for ending, instead in _ENDINGS.items():
        stem = word.removesuffix(ending) + instead
        if not word.endswith(ending) or len(stem) < _LEAST or word.endswith("ss"):
            continue
        doubled = ending in ("ing", "ed") and stem[-1] == stem[-2] and stem[-1] not in "ls"
        return stem[:-1] if doubled else stem
    return word


class DistinctTexts:
    """Texts met so far, each said in its own way."""

    def __init__(self) -> None:
        self._met: set[Words] = set()
        self._but_one: defaultdict[Words, list[str]] = defaultdict(list)
        """The words of each text but for a long one, and that one."""

    def __contains__(self, text: str) -> bool:
        words = words_of(text)
        return words in self._met or any(
            OSA.distance(word, other, score_cutoff=1) <= 1
            for word in words
            if len(word) >= _LONG
            for other in self._but_one.get(words - {word}, ())
        )

    def add(self, text: str) -> bool:
        """Note a text; False if one that says the same was there already."""
        if text in self:
            return False
        words = words_of(text)
        self._met.add(words)
        for word in words:
            if len(word) >= _LONG:
                self._but_one[words - {word}].append(word)
        return True
