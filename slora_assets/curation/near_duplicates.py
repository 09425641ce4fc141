"""Clips that are the same footage under two names."""

from __future__ import annotations

from dataclasses import dataclass, field

from slora_assets.curation.taken_down import overlap
from slora_assets.documents import FootageFile

Part = tuple[float, float | None]
"""Start and end in a file, seconds; None: to its end."""


@dataclass(frozen=True, slots=True)
class _Seen:
    clip: str
    file: str
    fingerprint: int
    part: Part


@dataclass
class NearDuplicates:
    """The clips taken so far, as later ones are held against them."""

    _seen: list[_Seen] = field(default_factory=list)

    def fault(self, clip: str, file: FootageFile, part: Part, bits: int) -> tuple[str, str] | None:
        """Reason code and which clip it repeats; None, and the clip is remembered, where it
        doesn't.

        A fingerprint is of a file's first frame: another file that begins so (at most `bits` of
        64 bits apart) is the same video, and of it the same part is the same clip. Parts of one
        file are no doubles of each other.
        """
        mine = int(file.fingerprint or "", 16)
        for other in self._seen:
            apart = (mine ^ other.fingerprint).bit_count()
            if apart <= bits and file.path != other.file and overlap(*part, *other.part):
                return "near_duplicate", f"of {other.clip}, {apart} bits"
        self._seen.append(_Seen(clip, file.path, mine, part))
        return None
