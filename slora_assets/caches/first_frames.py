"""First frames: one 720x480 PNG per clip, the same bytes on every run.

An index beside the frames says what each was made from, and which of them show the marks of a
generated video; a frame whose key no longer holds is made again, everything else is left alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from slora_assets.caches.result import CacheResult
from slora_assets.config.compute import Compute
from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.config.workspace import path_below
from slora_assets.documents import Clip, QuarantinedClip
from slora_assets.footage.decode import first_frame
from slora_assets.footage.quarantine import entry, quarantine, refused_before
from slora_assets.footage.versions import DECODE_VERSION
from slora_assets.marking.look import marks_in_footage
from slora_assets.processes.cluster.spreading import spread
from slora_assets.processes.isolation import Task, decoding, isolated
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance import (
    Json,
    StatCache,
    object_hash,
    read_json,
    same_as,
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
    compute: Compute = "local",
) -> CacheResult:
    """Write the first frames of `clips` (paths in clips are relative to `root`).

    `index_file` belongs to this set of clips. A clip that can't be decoded is quarantined.
    """
    cache: StatCache[str] = StatCache(index_file.with_name(f".{index_file.stem}_stat_cache.json"))
    keys = {clip.id: frame_key(clip) for clip in clips}
    frames = _standing(clips, keys, root, index_file, cache)
    lacking = [clip for clip in clips if clip.id not in frames]
    refused = refused_before(quarantine_file, "first_frames", lacking)
    todo = [clip for clip in lacking if clip.id not in refused]
    bad: list[QuarantinedClip] = []
    tasks = [
        Task(
            root / clip.path,
            (root / clip.path, root / clip.first_frame, clip.start_s),
            clip.sha256,
        )
        for clip in todo
    ]
    for done, (clip, result) in enumerate(zip(todo, _made(tasks, compute), strict=True), start=1):
        if isinstance(result, FootageError):
            bad.append(entry(clip, result, "first_frames"))
        else:
            sha256, marks = result
            frames[clip.id] = _entry(keys[clip.id], sha256, marks)
            cache.put(root / clip.first_frame, str(root / clip.first_frame), sha256)
        if progress:
            progress(done, len(todo))
    cache.save()
    lost = [*refused.values(), *bad]
    quarantine(quarantine_file, "first_frames", lost, looked_at=keys.keys())
    write_json(index_file, {"schema_version": 1, "frames": frames})
    return CacheResult(
        made=len(todo) - len(bad),
        kept=len(clips) - len(todo) - len(refused),
        quarantined=lost,
        generated={id_: one["generated"] for id_, one in frames.items() if "generated" in one},
        hash=object_hash(frames),
    )


def _made(tasks: list[Task], compute: Compute) -> Iterator[tuple[str, str] | FootageError]:
    """Each frame's hash and the marks in it, or why there is none, in order."""
    if compute == "local":
        return isolated(_make, tasks)
    return spread(partial(decoding, _make), tasks)


def _standing(
    clips: Sequence[Clip],
    keys: dict[str, str],
    root: Path,
    index_file: Path,
    cache: StatCache[str],
) -> dict[str, dict[str, str]]:
    """What the index says of frames that are what they should be. One that stands under another
    name, or in the index of another scenario, stands under the clip's own from now on."""
    old = _read_index(index_file)
    frames = {}
    for clip in clips:
        known, target = old.get(clip.id), path_below(root, clip.first_frame)
        if known and known["key"] == keys[clip.id] and _hash_of(target, cache) == known["sha256"]:
            frames[clip.id] = known
    lacking = [clip for clip in clips if clip.id not in frames]
    elsewhere = _all_made(index_file) if lacking else {}
    for clip in lacking:
        made, target = elsewhere.get(keys[clip.id]), path_below(root, clip.first_frame)
        if made is None:
            continue
        name, sha256, marks = made
        source = target.with_name(f"{name}.png")
        if _hash_of(target, cache) != sha256:
            if _hash_of(source, cache) != sha256:
                continue
            same_as(source, target)
            cache.put(target, str(target), sha256)
        frames[clip.id] = _entry(keys[clip.id], sha256, marks)
    return frames


def _entry(key: str, sha256: str, marks: str) -> dict[str, str]:
    """Most footage shows no marks, and its entries say nothing of them."""
    return {"key": key, "sha256": sha256} | ({"generated": marks} if marks else {})


def _all_made(index_file: Path) -> dict[str, tuple[str, str, str]]:
    """By key the clip, the hash and the marks of each frame that any index names."""
    found = {}
    for index in sorted(index_file.parent.glob("[!.]*.json")):
        with suppress(IntegrityError):  # told by whoever needs it
            for name, one in _read_index(index).items():
                found[one["key"]] = name, one["sha256"], one.get("generated", "")
    return found


def damaged_frames(index_file: Path, folder: Path) -> list[str]:
    """Ids of clips in the index whose first frame in `folder` isn't the 720x480 RGB picture that
    was made; one that was looked at is looked at again when it has changed.

    Raises MissingInputError.
    """
    cache: StatCache[list[str | int]] = StatCache(
        index_file.with_name(f".{index_file.stem}_looked_at.json")
    )
    wrong = []
    index = read_json(index_file, remedy="run `make preprocess`")
    for clip_id, made in _frames_in(index, index_file).items():
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
    return len(indexed_clips(index_file))


def indexed_clips(index_file: Path) -> list[str]:
    """Of which clips an index names first frames. Raises MissingInputError, IntegrityError."""
    return list(_frames_in(read_json(index_file, remedy="run `make preprocess`"), index_file))


def _seen(path: Path) -> list[str | int]:
    """Size, mode and hash of a picture; nothing for what is none."""
    from PIL import Image

    try:
        with Image.open(path) as frame:
            return [*frame.size, frame.mode, sha256_file(path)]
    except OSError:
        return []


def _make(source: Path, target: Path, start_s: float) -> tuple[str, str]:
    """Write one first frame; its hash, and the marks of generated videos in it. Runs in a process
    of its own."""
    frame, buffer = first_frame(source, WIDTH, HEIGHT, start_s), io.BytesIO()
    frame.save(buffer, format="PNG", compress_level=1)
    write_bytes(target, buffer.getvalue())
    return sha256_bytes(buffer.getvalue()), marks_in_footage(source, np.asarray(frame))


def frame_key(clip: Clip) -> str:
    """Hash of what a first frame depends on."""
    return frame_key_of(clip.sha256, clip.start_s)


def frame_key_of(sha256: str, start_s: float) -> str:
    """As `frame_key`, of a clip that is known by its bytes alone."""
    return object_hash(
        {
            "clip": sha256,
            "start_s": start_s,
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


def _read_index(index_file: Path) -> dict[str, dict[str, str]]:
    if not index_file.exists():
        return {}
    return _frames_in(read_json(index_file, remedy="delete the file"), index_file)


def _frames_in(index: Json, index_file: Path) -> dict[str, dict[str, str]]:
    """Raises IntegrityError for what is no index."""
    frames = index.get("frames") if isinstance(index, dict) else None
    if not isinstance(frames, dict) or not all(map(_is_entry, frames.values())):
        raise IntegrityError(
            "not an index of first frames", file=index_file, key="frames", remedy="delete the file"
        )
    return frames


def _is_entry(value: Json) -> bool:
    return isinstance(value, dict) and {"key", "sha256"} <= value.keys()
