"""Which published clips there are, and which of them the presets' limits keep no longer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.store.artifact_store import NAME
from slora_assets.documents import Limits


@dataclass(frozen=True)
class Published:
    """A clip as it lies on disk."""

    made_ns: int
    """When it was written, nanoseconds since 1970."""
    name: str
    bytes_: int

    def expires_at(self, limits: Limits) -> int | None:
        """When it is too old, in seconds since 1970; None: never."""
        if limits.keep_days is None:
            return None
        return int(self.made_ns / 1e9 + limits.keep_days * 86_400)


def published(folder: Path) -> list[Published]:
    """All clips, the newest first."""
    found = []
    for file in folder.glob("*.mp4"):
        if (clip := standing(folder, file.name)) is not None:
            found.append(clip)
    return sorted(found, key=lambda one: (one.made_ns, one.name), reverse=True)


def standing(folder: Path, name: str | None) -> Published | None:
    """One clip; None where there is none of this name."""
    if name is None or not NAME.fullmatch(name):
        return None
    try:
        stat = (folder / name).lstat()
    except FileNotFoundError:
        return None
    return Published(stat.st_mtime_ns, name, stat.st_size)


def keeps_all(limits: Limits) -> bool:
    """Whether nothing is ever erased."""
    return (limits.keep_days, limits.keep_clips, limits.keep_megabytes) == (None, None, None)


def outdated(
    clips: Iterable[Published], limits: Limits, now_s: float | None = None
) -> Iterator[Published]:
    """Of `clips`, the newest first, those that are too old or for which there is no room; however
    little there is, the newest has it."""
    now_s = time.time() if now_s is None else now_s
    room = None if limits.keep_megabytes is None else limits.keep_megabytes * 1e6
    taken = 0
    for number, clip in enumerate(clips):
        taken += clip.bytes_
        expires_at = clip.expires_at(limits)
        if (
            (expires_at is not None and expires_at <= now_s)
            or (number and limits.keep_clips is not None and number >= limits.keep_clips)
            or (number and room is not None and taken > room)
        ):
            yield clip
