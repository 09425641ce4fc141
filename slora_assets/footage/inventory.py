"""What footage is there: each file's hash and probe, and the hash over all of them.

Hashing and probing are done once for a file: a stat cache (size, modification time) says which
files are new. The cache is a convenience beside the inventory, never part of what is hashed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from slora_assets.config.data import DatasetSettings
from slora_assets.config.dataset_files import (
    annotation_names,
    is_text,
)
from slora_assets.config.errors import CurationError, FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    FootageFile,
    Inventory,
    QuarantinedClip,
    RefusedFor,
    Takedown,
)
from slora_assets.footage.credentials import Said, remember_said, said_by, said_in
from slora_assets.footage.files import FootageListing, list_footage
from slora_assets.footage.fingerprints import with_fingerprints
from slora_assets.footage.listing import listing_hash, remember_listing
from slora_assets.footage.quarantine import PASSING, decoder, quarantine
from slora_assets.footage.versions import DECODE_VERSION, QUALITY_VERSION
from slora_assets.processes.cores import cores
from slora_assets.processes.isolation import Task, isolated
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance import StatCache, sha256_file
from slora_assets.provenance.inventories import write_inventory
from slora_assets.provenance.takedowns import read_takedowns
from slora_assets.storage.footage_at_url import at_hand, is_url

_Facts: TypeAlias = dict[str, Any]
"""What a file is, as `FootageFile` has it, or its hash and size with the reason why it isn't
usable."""


def annotation_hashes(dataset: DatasetSettings, workspace: Workspace) -> dict[str, str]:
    """Of each annotation file, by the name that records have for it."""
    named = annotation_names(dataset, workspace)
    return {name: sha256_file(file) for name, file in named.items()}


def take_inventory(
    dataset: DatasetSettings, workspace: Workspace, progress: ProgressCallback | None = None
) -> Inventory:
    """Hash and probe all files; unusable ones go to the quarantine and into `rejects`.

    Writes `data/metadata/footage.json`, and the usable files in shards beside it where they are
    more than the dataset's `clips_in_document`. Raises CurationError when more files are unusable
    than the dataset's `max_reject_share`, not counting what was taken down; IntegrityError for a
    list of takedowns that isn't whole.
    """
    footage = list_footage(dataset, workspace)
    # Before: what changes meanwhile is seen next time.
    listing, files = listing_hash(dataset, workspace, footage), footage.videos()
    footage.begin()
    named = {clip_id: path for clip_id, path in files.items() if is_text(clip_id)}
    usable: dict[str, FootageFile] = {}
    rejects = [_badly_named(workspace, path) for name, path in files.items() if name not in named]
    said: dict[str, Said] = {}
    known = _facts(named, footage, dataset.quality.wanted, workspace, said, progress)
    for clip_id, facts in known.items():
        path = workspace.relative(files[clip_id])
        facts = facts | _too_small(facts, dataset.min_side_px)
        if "reason" in facts:
            rejects.append(_reject(clip_id, path, facts))
        else:
            usable[clip_id] = FootageFile(path=path, **facts)
    _write_rejects(workspace, usable, rejects)
    takedowns = read_takedowns(workspace)
    counted = [one for one in rejects if not _taken_down(one, dataset.name, takedowns)]
    _refuse_too_many(len(counted), len(files), dataset, workspace)
    if not dataset.quality.wanted and any(c.fingerprint for t in takedowns for c in t.clips):
        usable = with_fingerprints(usable, workspace, progress)
    remember_said(workspace, usable, said)
    told = said_by(usable, workspace)
    inventory = Inventory(
        dataset=dataset.name,
        annotations=annotation_hashes(dataset, workspace),
        files=usable,
        rejects=rejects,
        unknown_endings={
            clip_id: name
            for clip_id, name in sorted(footage.others().items())
            if clip_id not in files and is_text(name)
        },
        do_not_train={clip_id: one.refuses for clip_id, one in told.items() if one.refuses},
        generated={clip_id: one.generated for clip_id, one in told.items() if one.generated},
    )
    inventory = write_inventory(workspace, inventory, dataset.clips_in_document)
    remember_listing(workspace, listing)
    return inventory


def _facts(
    files: Mapping[str, Path],
    footage: FootageListing,
    measured: bool,
    workspace: Workspace,
    said: dict[str, Said],
    progress: ProgressCallback | None,
) -> dict[str, _Facts]:
    """What each file is; examined are those that nothing is known of, by name or by content. Of
    those that lie at a URL, what they say of themselves goes to `said`: they would be fetched again
    for that."""
    cache: StatCache[_Facts] = StatCache(workspace.metadata / ".footage_stat_cache.json")
    # A file that changes after it was listed is looked at again next time.
    stats = {clip_id: footage.stat(path) for clip_id, path in files.items()}
    known = {
        clip_id: _sound(cache.get(path, _key(path, measured), stats[clip_id]))
        for clip_id, path in files.items()
    }
    new = [clip_id for clip_id in files if known[clip_id] is None]
    sizes = {clip_id: stats[clip_id].st_size for clip_id in new}
    renamed = _known_by_content({name: files[name] for name in new}, sizes, cache, measured)
    todo = [clip_id for clip_id in new if clip_id not in renamed]
    fleeting = is_url(footage.where)
    found = isolated(
        _examine, (Task(files[clip_id], (files[clip_id], measured, fleeting)) for clip_id in todo)
    )
    for done, (clip_id, result) in enumerate(zip(todo, found, strict=True), start=1):
        if isinstance(result, FootageError):
            renamed[clip_id] = _refused(files[clip_id], result)
        else:
            renamed[clip_id], about = result
            if about is not None:
                said[clip_id] = about
        if progress:
            progress(done, len(todo))
    for clip_id, facts in renamed.items():
        known[clip_id] = facts
        if facts.get("reason") not in PASSING:
            cache.put(files[clip_id], _key(files[clip_id], measured), facts, stats[clip_id])
    cache.save()
    return {clip_id: facts for clip_id, facts in known.items() if facts is not None}


def _known_by_content(
    files: Mapping[str, Path],
    sizes: Mapping[str, int],
    cache: StatCache[_Facts],
    measured: bool,
) -> dict[str, _Facts]:
    """What is known of files that had another name before. Only one of a size that is known is read
    for that."""
    if not files:
        return {}
    before = [_sound(facts) for key, facts in cache.before() if key.startswith(_key("", measured))]
    by_hash = {facts["sha256"]: facts for facts in before if facts is not None}
    known = {facts["bytes_"] for facts in by_hash.values()}
    alike = {name: path for name, path in files.items() if sizes[name] in known}
    with ThreadPoolExecutor(cores()) as pool:
        hashes = zip(alike, pool.map(_hash, alike.values()), strict=True)
        return {name: by_hash[found] for name, found in hashes if found in by_hash}


def _sound(facts: _Facts | None) -> _Facts | None:
    """What another decoder refused is examined again."""
    if facts is None or facts.get("decoder", decoder()) != decoder():
        return None
    return facts


def _examine(path: Path, measured: bool, fleeting: bool) -> tuple[_Facts, Said | None]:
    """Hash, probe and perhaps measure one file, and read what it says of itself if it is
    `fleeting`; runs in a process of its own."""
    # Here, because all else needs no decoder: mostly every file is known.
    from slora_assets.footage.decode import probe
    from slora_assets.footage.quality import measure

    try:
        more = measure(path) if measured else {}
        facts = _content(path) | asdict(probe(path)) | more
    except FootageError as error:
        return _refused(path, error), None
    except OSError as error:
        return _refused(
            path, FootageError("unreadable", error.strerror or str(error), file=path)
        ), None
    return facts, said_in(path) if fleeting else None


def _refused(path: Path, error: FootageError) -> _Facts:
    return _content(path) | {"reason": error.reason, "detail": error.what, "decoder": decoder()}


def _content(path: Path) -> _Facts:
    return {"sha256": _hash(path), "bytes_": _size(path)}


def _hash(path: Path) -> str:
    try:
        with at_hand(path):
            return sha256_file(path)
    except (OSError, FootageError):  # why, its examination says
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _too_small(facts: _Facts, least: int) -> _Facts:
    if "reason" in facts or min(facts["width"], facts["height"]) >= least:
        return {}
    detail = f"{facts['width']}x{facts['height']} pixels, at least {least} on each side"
    return {"reason": "too_small", "detail": detail}


def _taken_down(reject: QuarantinedClip, dataset: str, takedowns: Iterable[Takedown]) -> bool:
    """Whether nobody wants the file any more: whoever takes it away by halves breaks nothing."""
    return any(
        (clip.id == reject.clip_id and one.dataset == dataset) or clip.sha256 == reject.sha256
        for one in takedowns
        for clip in one.clips
    )


def _badly_named(workspace: Workspace, path: Path) -> QuarantinedClip:
    """A file whose name no document can hold, with the bytes that are no text written out."""
    readable = os.fsencode(path).decode("utf-8", "backslashreplace")
    facts = {"sha256": _hash(path), "reason": "bad_name", "detail": "its name is not UTF-8"}
    return _reject(Path(readable).stem, workspace.relative(Path(readable)), facts)


def _reject(clip_id: str, path: str, facts: _Facts) -> QuarantinedClip:
    return QuarantinedClip(
        clip_id=clip_id,
        path=path,
        sha256=facts["sha256"],
        reason=facts["reason"],
        detail=facts["detail"],
        stage="footage",
        refused_for=RefusedFor(decoder=decoder()),
    )


def _write_rejects(
    workspace: Workspace, usable: Mapping[str, FootageFile], rejects: list[QuarantinedClip]
) -> None:
    """What later stages found in files that are gone or other ones now goes from the list."""
    there = {(file.path, file.sha256) for file in usable.values()}
    quarantine(
        workspace.quarantine,
        "footage",
        rejects,
        still_there=lambda one: (one.path, one.sha256) in there,
    )


def _refuse_too_many(
    unusable: int, files: int, dataset: DatasetSettings, workspace: Workspace
) -> None:
    if files and unusable / files > dataset.max_reject_share:
        raise CurationError(
            f"{unusable} of {files} files can't be used",
            file=workspace.quarantine,
            key="max_reject_share",
            found=round(unusable / files, 3),
            expected=f"at most {dataset.max_reject_share}",
            remedy="repair or remove the listed files, or raise the share in the dataset's YAML",
        )


def _key(path: Path | str, measured: bool) -> str:
    """A file's entry in the stat cache; another decoder or other measures examine it again."""
    return f"{DECODE_VERSION}.{QUALITY_VERSION if measured else 0} {path}"
