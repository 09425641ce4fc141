"""The list of clips that can't be used: reason code, detail, stage; never a silent skip.

An entry says what its decision hung on and holds for as long as that is so: with a repaired file,
another part of it or another decoder the clip is tried again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from filelock import FileLock

from slora_assets.config.errors import FootageError
from slora_assets.documents import (
    Clip,
    Geometry,
    Quarantine,
    QuarantinedClip,
    QuarantineStage,
    RefusedFor,
)
from slora_assets.footage.versions import DECODE_VERSION
from slora_assets.provenance import write_json
from slora_assets.provenance.records import read_document

PASSING: Final = frozenset({"crash", "hang", "missing", "unreadable"})
"""Reasons that may lie in the machine rather than in the file: each run tries such clips again."""


@cache
def decoder() -> str:
    """What decides whether a file can be decoded: this project's code, and PyAV with its FFmpeg."""
    return f"{DECODE_VERSION}, av {version('av')}"


class Quarantined:
    """The list as its readers need it."""

    def __init__(self, entries: Iterable[QuarantinedClip]) -> None:
        self.entries: tuple[QuarantinedClip, ...] = tuple(entries)
        self._of_clip: dict[str, list[QuarantinedClip]] = {}
        for one in self.entries:
            self._of_clip.setdefault(one.clip_id, []).append(one)

    def of(self, clip: Clip) -> QuarantinedClip | None:
        """The entry that holds for the clip as it is now, if there is one."""
        return next((one for one in self._of_clip.get(clip.id, ()) if _holds(one, clip)), None)


def _holds(entry: QuarantinedClip, clip: Clip) -> bool:
    """A frame hangs on where the clip begins, a whole clip on where it ends, too. The geometry only
    the stage itself knows, which takes back what no longer holds."""
    why = entry.refused_for
    if why is None or entry.sha256 != clip.sha256:
        return False
    ends = why.geometry is None or why.end_s == clip.end_s
    return why.decoder == decoder() and why.start_s == clip.start_s and ends


def read_quarantine(path: Path) -> Quarantined:
    """The list at `path`; empty when nothing was ever quarantined."""
    return Quarantined(_read(path))


def _read(path: Path) -> list[QuarantinedClip]:
    if not path.exists():
        return []
    remedy = "delete the file; the stages write it again"
    return read_document(path, Quarantine, what="a list of quarantined clips", remedy=remedy).clips


def refused_before(
    path: Path, stage: QuarantineStage, clips: Iterable[Clip], geometry: Geometry | None = None
) -> dict[str, QuarantinedClip]:
    """The clips, by id, that the stage needn't try again: nothing has changed since."""
    found = {
        (one.clip_id, one.sha256): one
        for one in _read(path)
        if one.stage == stage and one.reason not in PASSING
    }
    return {
        clip.id: found[clip.id, clip.sha256]
        for clip in clips
        if (clip.id, clip.sha256) in found
        and found[clip.id, clip.sha256].refused_for == refused_for(clip, geometry)
    }


def refused_for(clip: Clip, geometry: Geometry | None = None) -> RefusedFor:
    """What the decision over a clip hangs on, beside its bytes: over its first frame, or with a
    geometry over the whole clip."""
    end_s = clip.end_s if geometry is not None else None
    return RefusedFor(decoder=decoder(), start_s=clip.start_s, end_s=end_s, geometry=geometry)


def quarantine(
    path: Path,
    stage: QuarantineStage,
    clips: Iterable[QuarantinedClip],
    looked_at: Collection[str] | None = None,
    still_there: Callable[[QuarantinedClip], bool] = lambda _: True,
) -> None:
    """Put what a stage found into the list at `path`, in the place of what it found before in the
    clips it has `looked_at` (None: in all).

    Entries that aren't `still_there` go as well. The file is untouched when it says so already.
    """
    found = list(clips)

    def merged(known: list[QuarantinedClip]) -> list[QuarantinedClip]:
        def stays(one: QuarantinedClip) -> bool:
            seen = one.stage == stage and (looked_at is None or one.clip_id in looked_at)
            return not seen and still_there(one)

        kept = [one for one in known if stays(one)]
        by_key = {(one.clip_id, one.sha256, one.stage): one for one in (*kept, *found)}
        return [by_key[key] for key in sorted(by_key)]

    known = _read(path)
    if merged(known) == known and path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):  # scenarios may be cached side by side
        write_json(path, Quarantine(clips=merged(_read(path))).model_dump(mode="json"))


def entry(
    clip: Clip, error: FootageError, stage: QuarantineStage, geometry: Geometry | None = None
) -> QuarantinedClip:
    """The entry for a clip that raised `error`."""
    return QuarantinedClip(
        clip_id=clip.id,
        path=clip.path,
        sha256=clip.sha256,
        reason=error.reason,
        detail=error.what,
        stage=stage,
        refused_for=refused_for(clip, geometry),
    )
