"""The list of clips that can't be used: reason code, detail, stage; never a silent skip.

An entry holds for the bytes it names: a repaired file is tried again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slora_assets.config.errors import FootageError
from slora_assets.documents import Quarantine, QuarantinedClip, QuarantineStage
from slora_assets.provenance import write_json
from slora_assets.provenance.records import read_document


def read_quarantine(path: Path) -> dict[tuple[str, str], QuarantinedClip]:
    """Entries by (clip id, sha256); empty when nothing was ever quarantined."""
    if not path.exists():
        return {}
    remedy = "delete the file; the stages write it again"
    listed = read_document(path, Quarantine, what="a list of quarantined clips", remedy=remedy)
    return {(entry.clip_id, entry.sha256): entry for entry in listed.clips}


def quarantine(path: Path, clips: Iterable[QuarantinedClip]) -> None:
    """Add entries to the list at `path`; the file is untouched when all are known."""
    known = read_quarantine(path)
    merged = known | {(clip.clip_id, clip.sha256): clip for clip in clips}
    if merged != known or not path.exists():
        document = Quarantine(clips=[merged[key] for key in sorted(merged)])
        write_json(path, document.model_dump(mode="json"))


def entry(
    clip_id: str, path: str, sha256: str, error: FootageError, stage: QuarantineStage
) -> QuarantinedClip:
    """The entry for a clip that raised `error`."""
    return QuarantinedClip(
        clip_id=clip_id,
        path=path,
        sha256=sha256,
        reason=error.reason,
        detail=error.what,
        stage=stage,
    )
