"""First frames: one 720x480 PNG a clip, the same bytes on every run.

An index beside the frames says what each was made from; a frame whose key no longer holds is made
again, everything else is left alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slora_assets.config.errors import FootageError
from slora_assets.footage.decode import DECODE_VERSION, first_frame
from slora_assets.footage.isolation import isolated
from slora_assets.footage.quarantine import QuarantinedClip, entry, quarantine
from slora_assets.provenance.files import read_json, write_bytes, write_json
from slora_assets.provenance.hashing import object_hash, sha256_bytes, sha256_file
from slora_assets.provenance.stat_cache import StatCache

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
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float | None: ...
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
    old = _read_index(index_file)
    cache = StatCache(index_file.with_name(f".{index_file.stem}_stat_cache.json"))
    frames: dict[str, dict[str, str]] = {}
    todo: list[tuple[ClipFile, str]] = []
    for clip in clips:
        key, known, target = frame_key(clip), old.get(clip.id), root / clip.first_frame
        if known and known["key"] == key and _hash_of(target, cache) == known["sha256"]:
            frames[clip.id] = known
        else:
            todo.append((clip, key))
    bad: list[QuarantinedClip] = []
    tasks = [
        (root / clip.path, (root / clip.path, root / clip.first_frame, clip.start_s))
        for clip, _ in todo
    ]
    for done, ((clip, key), result) in enumerate(
        zip(todo, isolated(_make, tasks), strict=True), start=1
    ):
        if isinstance(result, FootageError):
            bad.append(entry(clip.id, clip.path, clip.sha256, result, "first_frames"))
        else:
            frames[clip.id] = {"key": key, "sha256": result}
            cache.put(root / clip.first_frame, str(root / clip.first_frame), result)
        if progress:
            progress(done, len(todo))
    cache.save()
    quarantine(quarantine_file, bad)
    write_json(index_file, {"schema_version": 1, "frames": frames})
    return CacheResult(len(todo) - len(bad), len(clips) - len(todo), bad, object_hash(frames))


def _make(source: Path, target: Path, start_s: float) -> str:
    """Write one first frame and return its hash; runs in a process of its own."""
    buffer = io.BytesIO()
    first_frame(source, WIDTH, HEIGHT, start_s).save(buffer, format="PNG", compress_level=1)
    write_bytes(target, buffer.getvalue())
    return sha256_bytes(buffer.getvalue())


def frame_key(clip: ClipFile) -> str:
    """Hash of what a first frame depends on."""
    return object_hash(
        {
            "clip": clip.sha256,
            "start_s": clip.start_s,
            "width": WIDTH,
            "height": HEIGHT,
            "decode": DECODE_VERSION,
        }
    )


def _hash_of(target: Path, cache: StatCache) -> str | None:
    """The file's hash, read anew only if the file has changed since it was last taken."""
    known = cache.get(target, str(target))
    if known is None and target.is_file():
        known = sha256_file(target)
        cache.put(target, str(target), known)
    return str(known) if known is not None else None


def _read_index(index_file: Path) -> dict[str, Any]:
    if not index_file.exists():
        return {}
    loaded = read_json(index_file, remedy="delete the file")
    assert isinstance(loaded, dict)
    frames: dict[str, Any] = loaded["frames"]
    return frames
