"""What keeps a comparison blind: which clip stands left, in which order pairs come, equal sizes.

Sides and order are functions of run, person and pair, so that a restart shows what was shown. Names
that leave the service are random and say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slora_assets.config.text import tidy, unwelcome
from slora_assets.documents import Side
from slora_assets.provenance import object_hash
from slora_assets.validation.preferences.samples import SamplePair

MAX_NAME: Final = 60
_BOX_HEADER: Final = 8


def left_side(person: str, pair: SamplePair) -> Side:
    """What stands on the left for this person: each of the two for half of the pairs."""
    return "base" if int(_drawn("left", person, pair)[:8], 16) % 2 else "adapter"


def in_order(person: str, pairs: Sequence[SamplePair]) -> list[SamplePair]:
    """The pairs as this person meets them: shuffled, the runs among each other."""
    return sorted(pairs, key=lambda pair: _drawn("order", person, pair))


def padded_size(base_bytes: int, adapter_bytes: int) -> int:
    """The size that both clips of a pair are served with."""
    return max(base_bytes, adapter_bytes) + _BOX_HEADER


def padded(clip: bytes, size: int) -> bytes:
    """An MP4 made longer by a `free` box behind it, which players skip: by its size alone a moving
    clip could be told from a still one. Raises ValueError when the box has no room."""
    room = size - len(clip)
    if room < _BOX_HEADER:
        raise ValueError(f"{room} bytes hold no box")
    return clip + room.to_bytes(4, "big") + b"free" + bytes(room - _BOX_HEADER)


def person_named(text: str) -> str:
    """A name as it is kept: one spelling of each letter, one blank between words.

    Raises ValueError with the reason when it is none.
    """
    name = tidy(text)
    if not name:
        raise ValueError("missing or blank")
    if len(name) > MAX_NAME:
        raise ValueError(f"{len(name)} characters; at most {MAX_NAME} are allowed")
    if unwelcome(text):
        raise ValueError("holds characters that can't be printed")
    return name


def _drawn(what: str, person: str, pair: SamplePair) -> str:
    return object_hash([what, pair.run, person, pair.prompt_id, pair.seed])
