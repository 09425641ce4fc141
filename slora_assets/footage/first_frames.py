"""First frames: one 720x480 PNG a clip, the same bytes on every run.

An index beside the frames says what each was made from; a frame whose key no longer holds is made
again, everything else is left alone.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slora_assets.config.errors import FootageError
from slora_assets.footage.decode import DECODE_VERSION, first_frame
from slora_assets.footage.quarantine import QuarantinedClip, entry, quarantine
from slora_assets.provenance.files import read_json, write_bytes, write_json
from slora_assets.provenance.hashing import object_hash, sha256_bytes, sha256_file

WIDTH, HEIGHT = 720, 480


class ClipFile(Protocol):
    """What the stages before training need to know of a clip."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def first_frame(self) -> str: ...
    @property
    def latent(self) -> str: ...


@dataclass(frozen=True)
class CacheResult:
    """What a caching stage did: entries made, entries that stood, clips quarantined, and the hash
    over all valid entries."""

    made: int
    kept: int
    quarantined: list[QuarantinedClip]
    hash: str


def cache_first_frames(
    clips: Sequence[ClipFile],
    root: Path,
    index_file: Path,
    quarantine_file: Path,
    progress: Callable[[int, int], None] | None = None,
) -> CacheResult:
    """Write the first frames of `clips` (paths in clips are relative to `root`).

    `index_file` belongs to this set of clips. A clip that can't be decoded is quarantined.
    """
    old: dict[str, Any] = {}
    if index_file.exists():
        loaded = read_json(index_file, remedy="delete the file")
        assert isinstance(loaded, dict)
        old = loaded["frames"]

    def make(clip: ClipFile) -> tuple[dict[str, str] | QuarantinedClip, bool]:
        key = object_hash(
            {"clip": clip.sha256, "width": WIDTH, "height": HEIGHT, "decode": DECODE_VERSION}
        )
        target = root / clip.first_frame
        known = old.get(clip.id)
        if (
            known
            and known["key"] == key
            and target.is_file()
            and sha256_file(target) == known["sha256"]
        ):
            return known, False
        try:
            picture = first_frame(root / clip.path, WIDTH, HEIGHT)
        except FootageError as error:
            return entry(clip.id, clip.path, clip.sha256, error, "first_frames"), True
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG", compress_level=3)
        write_bytes(target, buffer.getvalue())
        return {"key": key, "sha256": sha256_bytes(buffer.getvalue())}, True

    frames: dict[str, dict[str, str]] = {}
    bad: list[QuarantinedClip] = []
    made = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (clip, (result, new)) in enumerate(
            zip(clips, pool.map(make, clips), strict=True), start=1
        ):
            made += new
            if isinstance(result, QuarantinedClip):
                bad.append(result)
            else:
                frames[clip.id] = result
            if progress:
                progress(done, len(clips))
    quarantine(quarantine_file, bad)
    if frames != old or not index_file.exists():
        write_json(index_file, {"schema_version": 1, "frames": frames})
    return CacheResult(made - len(bad), len(frames) - made + len(bad), bad, object_hash(frames))
