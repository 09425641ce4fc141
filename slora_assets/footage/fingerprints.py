"""Perceptual hashes of files that no filter has measured: taken once something was taken down,
because it might come back encoded anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile
from slora_assets.footage.files import stat_by_content
from slora_assets.footage.versions import QUALITY_VERSION
from slora_assets.processes.isolation import Task, isolated
from slora_assets.processes.progress import ProgressCallback
from slora_assets.provenance import StatCache


def with_fingerprints(
    files: Mapping[str, FootageFile], workspace: Workspace, progress: ProgressCallback | None = None
) -> dict[str, FootageFile]:
    """The files, by clip, with the fingerprint of each that has none; one whose first frame can't
    be had stays without. A file is looked at again when it has changed."""
    cache: StatCache[str] = StatCache(workspace.metadata / ".fingerprints.json")
    paths = {clip: workspace.root / file.path for clip, file in files.items()}
    keys = {clip: f"{QUALITY_VERSION} {file.path}" for clip, file in files.items()}
    stats = {clip: stat_by_content(paths[clip], file) for clip, file in files.items()}
    found = {
        clip: file.fingerprint or cache.get(paths[clip], keys[clip], stats[clip])
        for clip, file in files.items()
    }
    todo = [clip for clip, known in found.items() if known is None]
    made = isolated(
        _fingerprint, (Task(paths[clip], (paths[clip],), files[clip].sha256) for clip in todo)
    )
    for done, (clip, result) in enumerate(zip(todo, made, strict=True), start=1):
        if not isinstance(result, FootageError):
            cache.put(paths[clip], keys[clip], result, stats[clip])
            found[clip] = result
        if progress:
            progress(done, len(todo))
    cache.save()
    return {
        clip: file.model_copy(update={"fingerprint": found[clip]}) for clip, file in files.items()
    }


def _fingerprint(path: Path) -> str:
    """Of one file; runs in a process of its own, which alone loads a decoder."""
    from slora_assets.footage.quality import fingerprint

    return fingerprint(path)
