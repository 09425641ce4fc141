"""Perceptual hashes of 64 bits, found by others that differ from them in few bits: an index, so
that not every hash is held against every other.

Multi-index hashing: of two hashes that differ in at most r bits, one of their three parts differs
in at most r // 3. So all that is so near to each part is looked up, and what is found is compared
whole: the same hashes as a comparison with all would find. Where that would take longer (few
hashes, many bits, many hashes that share a part), all are compared.
"""

from __future__ import annotations

from array import array
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PARTS: Final = ((0, 22), (22, 21), (43, 21))
"""Lowest bit and width of each. With three, a hash among a million shares a part with few others
by chance, and 64 bits hold a part with the number of its hash."""
_PART_BITS: Final = 22
_NUMBER_BITS: Final = 32
_MOST_FLIPS: Final = 3
"""Of a part's bits: with more there are more places to look at than hashes."""
_YOUNG_PER_PLACE: Final = 256
"""So many hashes are compared in the time of a look at one place of the index."""
_LEAST_YOUNG: Final = 4096
_CROWDED: Final = 8
"""Where the places hold more than this part of all hashes, comparing all is quicker."""


class NearHashes:
    """Distinct hashes, each known by its number: how many were there before it.

    Beside its place in a dict a hash takes 32 bytes, whatever others there are. Those that came
    last are compared one by one, and sorted into the index when they are many.
    """

    def __init__(self, bits: int) -> None:
        """`bits`: in how many of 64 two may differ and be near."""
        self._bits, self._flips = bits, bits // len(_PARTS)
        self._numbers: dict[int, int] = {}
        self._hashes = array("Q")
        places = sum(comb(width, k) for _, width in _PARTS for k in range(self._flips + 1))
        self._most_young = max(_LEAST_YOUNG, _YOUNG_PER_PLACE * places)
        self._old = 0
        """So many are in the index."""
        self._index: NDArray[np.uint64] | None = None
        """For each part of each hash a number, sorted: which part, its bits, the hash's number."""
        self._masks: NDArray[np.uint64]
        """What makes of a part all those that are near to it, for one part after the other."""
        self._mask_of: NDArray[np.intp]
        """Which part each is for."""

    def add(self, hash_: int) -> int:
        """The number of a hash, which is known from now on."""
        number = self._numbers.setdefault(hash_, len(self._hashes))
        if number == len(self._hashes):
            self._hashes.append(hash_)
            if self._flips <= _MOST_FLIPS and number + 1 - self._old >= self._most_young:
                self._sort_in()
        return number

    def near(self, hash_: int) -> list[int]:
        """Numbers of the known hashes that are near to this one, ascending."""
        if not self._hashes:
            return []
        import numpy as np

        hashes = np.frombuffer(self._hashes, np.uint64)
        found = None if self._index is None else self._sharing_a_part(self._index, hash_)
        if found is None:
            return list(map(int, self._within(hashes, hash_)))
        old = found[self._within(hashes[found], hash_)] if len(found) else found
        young = self._within(hashes[self._old :], hash_) + self._old
        return [*sorted(set(map(int, old))), *map(int, young)]

    def _within(self, hashes: NDArray[np.uint64], hash_: int) -> NDArray[np.intp]:
        import numpy as np

        return np.flatnonzero(np.bitwise_count(hashes ^ np.uint64(hash_)) <= self._bits)

    def _sharing_a_part(self, index: NDArray[np.uint64], hash_: int) -> NDArray[np.intp] | None:
        """Numbers of the hashes one of whose parts is near to the same of this one, maybe more than
        once; None where they are so many that comparing all is quicker."""
        import numpy as np

        parts = [
            part << _PART_BITS | (hash_ >> low & (1 << width) - 1)
            for part, (low, width) in enumerate(_PARTS)
        ]
        places = np.array(parts, np.uint64)[self._mask_of] ^ self._masks
        places <<= np.uint64(_NUMBER_BITS)
        first = index.searchsorted(places)
        held = index.take(first, mode="clip") - places < np.uint64(1 << _NUMBER_BITS)
        if not held.any():
            return np.empty(0, np.intp)
        first = first[held]
        after = index.searchsorted(places[held] + np.uint64(1 << _NUMBER_BITS))
        if int((after - first).sum()) * _CROWDED > self._old:
            return None
        spans = [index[one:end] for one, end in zip(first, after, strict=True)]
        numbers = np.concatenate(spans) & np.uint64((1 << _NUMBER_BITS) - 1)
        return numbers.astype(np.intp)

    def _sort_in(self) -> None:
        import numpy as np

        if self._index is None:
            masks = [_masks(width, self._flips) for _, width in _PARTS]
            self._masks = np.concatenate(masks)
            self._mask_of = np.repeat(np.arange(len(masks)), list(map(len, masks)))
        young = np.frombuffer(self._hashes, np.uint64)[self._old :]
        numbers = np.arange(self._old, len(self._hashes), dtype=np.uint64)
        index = [] if self._index is None else [self._index]
        for part, (low, width) in enumerate(_PARTS):
            bits = young >> np.uint64(low) & np.uint64((1 << width) - 1)
            place = np.uint64(part << _PART_BITS) | bits
            index.append(np.sort(place << np.uint64(_NUMBER_BITS) | numbers))
        # What is sorted in pieces, "stable" merges.
        self._index = np.sort(np.concatenate(index), kind="stable")
        self._old = len(self._hashes)


def _masks(width: int, flips: int) -> NDArray[np.uint64]:
    """All numbers of `width` bits of which at most `flips` are set."""
    import numpy as np

    chosen = (bits for k in range(flips + 1) for bits in combinations(range(width), k))
    return np.fromiter((sum(1 << bit for bit in bits) for bits in chosen), np.uint64)
