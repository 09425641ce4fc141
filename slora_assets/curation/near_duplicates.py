"""Clips that are the same footage under two names."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from slora_assets.curation.near_hashes import NearHashes
from slora_assets.curation.taken_down import SAME_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Part = tuple[float, float | None]
"""Start and end in a file, seconds; None: to its end."""

_SEVERAL: Final = -1
_MANY: Final = 8
"""Where clips of this part of all begin alike, all are looked at: they lie in a row."""


class NearDuplicates:
    """The clips taken so far, as later ones are held against them.

    A fingerprint is of a file's first frame: another file that begins so is the same video, and of
    it the same part is the same clip. Parts of one file are no doubles of each other.
    """

    def __init__(self, bits: int) -> None:
        """`bits`: in how many of 64 two fingerprints may differ and be one."""
        self._bits, self._hashes = bits, NearHashes(bits)
        self._alike: list[array[int]] = []
        """By number of a hash the clips whose file begins so, by their number."""
        self._file_of_all: list[int] = []
        """By number of a hash the one file that begins so, or _SEVERAL."""
        self._clips: list[str] = []
        self._prints = array("Q")
        self._files: dict[str, int] = {}
        self._file, self._start, self._end = array("q"), array("d"), array("d")

    def fault(self, clip: str, path: str, fingerprint: str, part: Part) -> tuple[str, str] | None:
        """Reason code and which clip it repeats, the first of several; None, and the clip is
        remembered, where it repeats none. `path` and `fingerprint` are those of its file."""
        mine = int(fingerprint, 16)
        in_file = self._files.get(path, len(self._files))
        start, end = part[0], float("inf") if part[1] is None else part[1]
        other = self._first_like(mine, in_file, start, end)
        if other is not None:
            apart = (mine ^ self._prints[other]).bit_count()
            return "near_duplicate", f"of {self._clips[other]}, {apart} bits"
        self._remember(clip, mine, self._files.setdefault(path, in_file), start, end)
        return None

    def _first_like(self, mine: int, in_file: int, start: float, end: float) -> int | None:
        near = [one for one in self._hashes.near(mine) if self._file_of_all[one] != in_file]
        if not near:
            return None
        import numpy as np

        alike: slice | NDArray[np.int64] = slice(None)
        if _MANY * sum(len(self._alike[one]) for one in near) < len(self._clips):
            alike = np.concatenate([np.frombuffer(self._alike[one], np.int64) for one in near])
        files, starts, ends, prints = (
            np.frombuffer(column, column.typecode)[alike]
            for column in (self._file, self._start, self._end, self._prints)
        )
        found = np.flatnonzero((starts < end) & (ends > start))
        # As `overlap` says it of two parts.
        shared = np.minimum(ends[found], end) - np.maximum(starts[found], start)
        found = found[(shared > SAME_S) & (files[found] != in_file)]
        found = found[np.bitwise_count(prints[found] ^ np.uint64(mine)) <= self._bits]
        if not found.size:
            return None
        return int(found[0] if isinstance(alike, slice) else alike[found].min())

    def _remember(self, clip: str, mine: int, in_file: int, start: float, end: float) -> None:
        hash_ = self._hashes.add(mine)
        if hash_ == len(self._alike):
            self._alike.append(array("q"))
            self._file_of_all.append(in_file)
        if self._file_of_all[hash_] != in_file:
            self._file_of_all[hash_] = _SEVERAL
        self._alike[hash_].append(len(self._clips))
        self._clips.append(clip)
        self._prints.append(mine)
        self._file.append(in_file)
        self._start.append(start)
        self._end.append(end)
