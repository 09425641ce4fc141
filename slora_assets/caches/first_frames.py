"""First frames: one 720x480 PNG per clip, the same bytes on every run.

An index beside the frames says what each was made from; a frame whose key no longer holds is made
again, everything else is left alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slora_assets.caches.result import CacheResult
from slora_assets.config.errors import FootageError
from slora_assets.documents import Clip, QuarantinedClip
from slora_assets.footage.decode import first_frame
from slora_assets.footage.quarantine import entry, quarantine
from slora_assets.footage.versions import DECODE_VERSION
from slora_assets.processes.isolation import isolated
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance import (
    Json,
    StatCache,
    object_hash,
    read_json,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_json,
)

WIDTH, HEIGHT = 720, 480


def cache_first_frames(
    clips: Sequence[Clip],
    root: Path,
    index_file: Path,
    quarantine_file: Path,
    progress: ProgressCallback | None = None,
) -> CacheResult:
    """Write the first frames of `clips` (paths in clips are relative to `root`).

    `index_file` belongs to this set of clips. A clip that can't be decoded is quarantined.
    """
    old = _read_index(index_file)
    cache: StatCache[str] = StatCache(index_file.with_name(f".{index_file.stem}_stat_cache.json"))
    frames: dict[str, dict[str, str]] = {}
    todo: list[tuple[Clip, str]] = []
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
    return CacheResult(
        made=len(todo) - len(bad),
        kept=len(clips) - len(todo),
        quarantined=bad,
        hash=object_hash(frames),
    )


def damaged_frames(index_file: Path, folder: Path) -> list[str]:
    """Ids of clips in the index whose first frame in `folder` isn't the 720x480 RGB picture that
    was made; one that was looked at is looked at again when it has changed.

    Raises MissingInputError.
    """
    cache: StatCache[list[str | int]] = StatCache(
        index_file.with_name(f".{index_file.stem}_looked_at.json")
    )
    wrong = []
    for clip_id, made in _frames_in(read_json(index_file, remedy="run `make preprocess`")).items():
        path = folder / f"{clip_id}.png"
        found = cache.get(path, clip_id)
        if found is None:
            found = _seen(path)
            cache.put(path, clip_id, found)
        if found != [WIDTH, HEIGHT, "RGB", made["sha256"]]:
            wrong.append(clip_id)
    cache.save()
    return wrong


def indexed_frames(index_file: Path) -> int:
    """How many first frames an index names. Raises MissingInputError."""
    return len(_frames_in(read_json(index_file, remedy="run `make preprocess`")))


def _seen(path: Path) -> list[str | int]:
    """Size, mode and hash of a picture; nothing for what is none."""
    from PIL import Image

    try:
        with Image.open(path) as frame:
            return [*frame.size, frame.mode, sha256_file(path)]
    except OSError:
        return []


def _make(source: Path, target: Path, start_s: float) -> str:
    """Write one first frame and return its hash; runs in a process of its own."""
    buffer = io.BytesIO()
    first_frame(source, WIDTH, HEIGHT, start_s).save(buffer, format="PNG", compress_level=1)
    write_bytes(target, buffer.getvalue())
    return sha256_bytes(buffer.getvalue())


def frame_key(clip: Clip) -> str:
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


def _hash_of(target: Path, cache: StatCache[str]) -> str | None:
    """The file's hash, read anew only if the file has changed since it was last taken."""
    known = cache.get(target, str(target))
    if known is None and target.is_file():
        known = sha256_file(target)
        cache.put(target, str(target), known)
    return known


def _read_index(index_file: Path) -> dict[str, Any]:
    if not index_file.exists():
        return {}
    return _frames_in(read_json(index_file, remedy="delete the file"))


def _frames_in(index: Json) -> dict[str, Any]:
    assert isinstance(index, dict)
    frames: dict[str, Any] = index["frames"]
    return frames
