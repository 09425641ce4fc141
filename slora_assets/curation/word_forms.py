"""An English word in the other number: what a keyword has to be looked for as, too.

Regular endings by rule, the common irregular nouns by table. A form that is no word matches nothing
and does no harm; one that is another word would, so those are left out.
"""

from __future__ import annotations

import re
from typing import Final

_TABLE: Final = """
man men, child children, person people, foot feet, tooth teeth, goose geese, mouse mice,
louse lice, ox oxen, knife knives, wife wives, life lives, wolf wolves, leaf leaves,
shelf shelves, half halves, loaf loaves, calf calves, elf elves, self selves, scarf scarves,
hoof hooves, thief thieves, sheaf sheaves, wharf wharves, dwarf dwarves, quiz quizzes,
cactus cacti, fungus fungi, nucleus nuclei, bacterium bacteria, criterion criteria,
phenomenon phenomena, analysis analyses, crisis crises, oasis oases, thesis theses, axis axes
"""
_IRREGULAR: Final = [pair.split() for pair in _TABLE.replace("\n", " ").split(",")]
_WHOLE: Final = frozenset(["ox", "louse", "person", "self", "half", "life", "axis", "elf"])
"""Irregular nouns that end no longer one: a `fireman` is a man, a `box` no `ox`."""
_REGULAR_MEN: Final = ("human", "german", "roman", "norman", "ottoman", "shaman", "caiman")
_PLURAL_ALONE: Final = frozenset(
    re.findall(
        r"\w+",
        "news goods customs means thanks species series always besides does has was lens",
    )
)
"""Words in -s whose rest is another word, or none."""
_LEAST: Final = 3
"""Letters that a singular has at least."""


def other_numbers(word: str) -> set[str]:
    """The plurals and singulars of a word in lower case, as far as they differ from it and from it
    with -s or -es; empty for what ends in no letter of English."""
    if not re.search(r"[a-z]$", word):
        return set()
    found = set(_irregular(word))
    if word[-1] == "y" and re.search(r"[^aeiou\W]y$", word):
        found.add(f"{word[:-1]}ies")
    if re.search(r"[aeiou]z$", word):
        found.add(f"{word}zes")
    last = re.split(r"[^a-z]", word)[-1]
    if found and word.endswith("s"):
        return found
    if last not in _PLURAL_ALONE and not re.search(r"(ss|us|is|ics)$", word):
        found |= {one for one in _singulars(word) if len(last) - len(word) + len(one) >= _LEAST}
    return found - {word}


def _irregular(word: str) -> list[str]:
    found = []
    for one, many in _IRREGULAR:
        for said, other in ((one, many), (many, one)):
            head = word.removesuffix(said)
            if head == word or (head and head[-1].isalpha() and {one, many} & _WHOLE):
                continue
            if one != "man" or not f"{head}man".endswith(_REGULAR_MEN):
                found.append(f"{head}{other}")
    return found


def _singulars(word: str) -> list[str]:
    """What a word may be the regular plural of."""
    if not word.endswith("s"):
        return []
    found = [word[:-1]]
    if word.endswith("ies"):
        found.append(f"{word[:-3]}y")
    if re.search(r"(ch|sh|x|s|z|o)es$", word):
        found.append(word[:-2])
    if re.search(r"[aeiou]zzes$", word):
        found.append(word[:-3])
    return found
