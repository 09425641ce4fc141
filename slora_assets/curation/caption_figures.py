"""What captions are like over all clips, gathered table by table: how long they are, and which
stand at several clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from slora_assets.config.text import words

if TYPE_CHECKING:
    import polars as pl

_WORD: Final = r"[^\s\x1c-\x1f]+"
"""What `str.split` parts, which takes four control characters for white space too."""


class RepeatedCaptions:
    """Captions that several clips share but for case, punctuation and the order of words."""

    def __init__(self) -> None:
        self._tables: list[pl.DataFrame] = []
        self._clips = 0

    def add(self, captions: pl.Series) -> None:
        """Those of the next clips, a list of each."""
        import polars as pl

        table = captions.alias("captions").to_frame().with_row_index("clip", self._clips)
        table = table.explode("captions").drop_nulls("captions")
        said = [hash(frozenset(words(caption))) for caption in table["captions"]]
        self._tables.append(table.select("clip", said=pl.Series(said, dtype=pl.Int64)))
        self._clips += len(captions)

    def most(self, captions: Iterable[str], shown: int) -> tuple[int, list[tuple[str, int]]]:
        """How many there are, and the most frequent: the wording that comes first, and how many
        clips have it. `captions`: those of the same clips again."""
        import polars as pl

        nothing = pl.DataFrame(schema={"clip": pl.UInt32(), "said": pl.Int64()})
        every = pl.concat([nothing, *self._tables]).with_row_index("number")
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


def caption_lengths(captions: pl.Series, step: int) -> Counter[int]:
    """Of clips' captions how many have so many times `step` words."""
    lengths = captions.explode().drop_nulls().str.count_matches(_WORD) // step
    return Counter(dict(lengths.value_counts().iter_rows()))
