"""Whether a clip was taken down, under whatever name, address or encoding it comes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.near_hashes import NearHashes
from slora_assets.curation.sources import canonical_source
from slora_assets.documents import Clip, Takedown, TakenClip
from slora_assets.provenance.takedowns import read_takedowns

TAKEN_DOWN: Final = "taken_down"
"""Reason code of its rejects."""
_BITS: Final = 4
"""Where the dataset doesn't say from how many bits on first frames differ. Of 55 rendered clips no
two are nearer than 8; encoded again, smaller and worse, a clip stays within 4."""
SAME_S: Final = 0.5
"""Times that are nearer to each other are two people's measures of the same."""
_SET_BITS: Final = range(20, 45)
"""A picture's hash has about half of its bits set, one of a single colour next to none: such are
alike without being the same."""


@dataclass(frozen=True, slots=True)
class Footage:
    """What a clip is known by."""

    id: str
    source: str | None
    """As all spellings are; None where it is named by nothing but the clip."""
    source_start_s: float | None = None
    source_end_s: float | None = None
    sha256: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    fingerprint: str | None = None


def own_source(clip_id: str, source_group: str) -> str | None:
    """The source that a clip names, if it names one."""
    return None if source_group == clip_id else canonical_source(source_group)


class TakenDown:
    """Entries of the list, as a dataset's clips are held against them."""

    def __init__(
        self, takedowns: Iterable[Takedown], dataset: str, bits: int | None = None
    ) -> None:
        """`bits`: up to how many first frames may differ and be one, as the dataset says."""
        self._bits = _BITS if bits is None else bits
        self._sources: dict[str, Takedown] = {}
        self._ids: dict[str, Takedown] = {}
        self._files: defaultdict[str, list[tuple[TakenClip, Takedown]]] = defaultdict(list)
        self._parts: defaultdict[str, list[tuple[TakenClip, Takedown]]] = defaultdict(list)
        self._hashes = NearHashes(self._bits)
        self._prints: list[tuple[int, TakenClip, Takedown]] = []
        """By number of a hash the first that has it."""
        self._dataset = dataset
        for one in takedowns:
            self._sources |= dict.fromkeys(one.sources, one)
            for clip in one.clips:
                self._add(clip, one)

    def _add(self, clip: TakenClip, entry: Takedown) -> None:
        if entry.dataset == self._dataset:
            self._ids.setdefault(clip.id, entry)
        if clip.sha256 is not None:
            self._files[clip.sha256].append((clip, entry))
        if clip.source is not None:
            self._parts[clip.source].append((clip, entry))
        if clip.fingerprint is not None:
            hash_ = int(clip.fingerprint, 16)
            if self._hashes.add(hash_) == len(self._prints):
                self._prints.append((hash_, clip, entry))

    def __bool__(self) -> bool:
        return bool(self._sources or self._ids or self._files)

    @property
    def by_likeness(self) -> bool:
        """Whether clips have to be looked at for likeness."""
        return bool(self._prints)

    def holds(self, sha256: str, start_s: float, end_s: float | None) -> bool:
        """Whether these bytes, or this part of them, were taken down."""
        return self._by_bytes(Footage("", None, None, None, sha256, start_s, end_s)) is not None

    def why(self, clip: Footage) -> str | None:
        """Why the clip may not be used, if so, in words that end with who took it down and why."""
        found = self._found(clip)
        if found is None:
            return None
        because, entry = found
        return f"{because}: taken down by {entry.by}, {entry.reason}"

    def because(self, clip: Footage) -> str | None:
        """The first half of that."""
        found = self._found(clip)
        return None if found is None else found[0]

    def _found(self, clip: Footage) -> tuple[str, Takedown] | None:
        for look in (self._by_name, self._by_bytes, self._by_source, self._alike):
            if (found := look(clip)) is not None:
                return found
        return None

    def _by_name(self, clip: Footage) -> tuple[str, Takedown] | None:
        if clip.source is not None and (entry := self._sources.get(clip.source)) is not None:
            return f"of the source {clip.source}", entry
        # A clip that names no source has the name of its file as one.
        entry = self._ids.get(clip.id) or self._sources.get(clip.id)
        return None if entry is None else ("by its name", entry)

    def _by_bytes(self, clip: Footage) -> tuple[str, Takedown] | None:
        for taken, entry in self._files.get(clip.sha256 or "", ()):
            if overlap(taken.start_s, taken.end_s, clip.start_s, clip.end_s):
                return f"the same bytes as {taken.id}", entry
        return None

    def _by_source(self, clip: Footage) -> tuple[str, Takedown] | None:
        """The same part of the same video. Other parts that were known when the clip was taken
        down stay; of what has come since, all goes that isn't known to be another part."""
        for taken, entry in self._parts.get(clip.source or "", ()):
            mine, theirs = (
                (clip.source_start_s, clip.source_end_s),
                (taken.source_start_s, taken.source_end_s),
            )
            timed = None not in mine and None not in theirs
            if timed and _same_part(mine, theirs):
                return f"the part of {taken.source} that {taken.id} is", entry
            if clip.id in entry.spared and entry.dataset == self._dataset:
                continue
            if not timed or overlap(mine[0] or 0.0, mine[1], theirs[0] or 0.0, theirs[1]):
                return f"of {taken.source} as {taken.id}, and not known to be another part", entry
        return None

    def _alike(self, clip: Footage) -> tuple[str, Takedown] | None:
        if not self._prints or clip.fingerprint is None:
            return None
        mine = int(clip.fingerprint, 16)
        if mine.bit_count() not in _SET_BITS:
            return None
        for number in self._hashes.near(mine):
            theirs, taken, entry = self._prints[number]
            if theirs.bit_count() in _SET_BITS:
                return f"a near-duplicate of {taken.id}, {(mine ^ theirs).bit_count()} bits", entry
        return None


def _same_part(
    mine: tuple[float | None, float | None], theirs: tuple[float | None, float | None]
) -> bool:
    return all(
        abs((one or 0.0) - (other or 0.0)) <= SAME_S
        for one, other in zip(mine, theirs, strict=True)
    )


def overlap(start: float, end: float | None, other: float, other_end: float | None) -> bool:
    """Whether two parts of one video have more than a moment in common; None: to its end."""
    first_ends = [one for one in (end, other_end) if one is not None]
    return not first_ends or min(first_ends) - max(start, other) > SAME_S


def taken_down(workspace: Workspace, dataset: str, bits: int | None = None) -> TakenDown:
    """The list as the clips of a dataset are held against it now. Raises IntegrityError."""
    return TakenDown(read_takedowns(workspace), dataset, bits)


def refuse_taken_down(
    workspace: Workspace, dataset: str, clips: Sequence[Clip], file: Path, remedy: str
) -> None:
    """Raise CurationError when a document, made before a takedown, still names its clips;
    IntegrityError for a list of takedowns that isn't whole."""
    taken = taken_down(workspace, dataset)
    found = [clip.id for clip in clips if taken and taken.why(footage_of(clip)) is not None]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise CurationError(
            f"the document is older than a takedown of {', '.join(found[:3])}{more}",
            file=file,
            key="clips",
            remedy=remedy,
        )


def footage_of(clip: Clip) -> Footage:
    """What a document's clip is known by."""
    return Footage(
        clip.id,
        own_source(clip.id, clip.source_group),
        clip.source_start_s,
        clip.source_end_s,
        clip.sha256,
        clip.start_s,
        clip.end_s,
    )
