"""What captions are like over all clips, gathered clip by clip in columns: how long they are, and
which stand at several clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from slora_assets.config.text import words
from slora_assets.documents import Clip

if TYPE_CHECKING:
    import polars as pl

_AT_ONCE: Final = 100_000


class RepeatedCaptions:
    """Captions that several clips share but for case, punctuation and the order of words."""

    def __init__(self) -> None:
        self._tables: list[pl.DataFrame] = []
        self._said: list[int] = []
        self._by: list[int] = []
        self._clips = 0

    def add(self, clip: Clip) -> None:
        """The next clip."""
        self._said += [hash(frozenset(words(caption))) for caption in clip.captions]
        self._by += [self._clips] * len(clip.captions)
        self._clips += 1
        if len(self._said) >= _AT_ONCE:
            self._set_down()

    def _set_down(self) -> None:
        import polars as pl

        columns = {"said": self._said, "clip": self._by}
        self._tables.append(pl.DataFrame(columns, {"said": pl.Int64(), "clip": pl.UInt32()}))
        self._said, self._by = [], []

    def most(self, captions: Iterable[str], shown: int) -> tuple[int, list[tuple[str, int]]]:
        """How many there are, and the most frequent: the wording that comes first, and how many
        clips have it. `captions`: those of the same clips again."""
        import polars as pl

        self._set_down()
        every = pl.concat(self._tables).with_row_index("number")
        shared = (
            every.group_by("said")
            .agg(pl.col("clip").n_unique(), pl.col("number").min())
            .filter(pl.col("clip") > 1)
        )
        # All that could be shown, by their place: equally frequent ones go by their words.
        least = shared["clip"].top_k(shown).min() or 0
        places = shared.filter(pl.col("clip") >= least).select("number", "clip").iter_rows()
        found = dict(places)
        named = (
            (-found[number], " ".join(sorted(set(words(caption)))), caption)
            for number, caption in enumerate(captions if found else ())
            if number in found
        )
        first = nsmallest(shown, named, key=lambda one: one[:2])
        return len(shared), [(caption, -count) for count, _, caption in first]


def caption_lengths(clip: Clip, step: int) -> Counter[int]:
    """Of a clip's captions how many have so many times `step` words."""
    return Counter(len(caption.split()) // step for caption in clip.captions)
