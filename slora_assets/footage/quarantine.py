"""The list of clips that can't be used: reason code, detail, stage; never a silent skip.

An entry holds for the bytes it names: a repaired file is tried again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from slora_assets.config.errors import FootageError
from slora_assets.provenance.files import read_json, write_json


class QuarantinedClip(BaseModel):
    """One clip that a stage could not use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_id: str
    path: str
    sha256: str
    reason: str
    detail: str
    stage: Literal["footage", "first_frames", "latents"]


def read_quarantine(path: Path) -> dict[tuple[str, str], QuarantinedClip]:
    """Entries by (clip id, sha256); empty when nothing was ever quarantined."""
    if not path.exists():
        return {}
    document = read_json(path, remedy="delete the file; the stages write it again")
    assert isinstance(document, dict)
    entries = [QuarantinedClip.model_validate(entry) for entry in document["clips"]]
    return {(entry.clip_id, entry.sha256): entry for entry in entries}


def quarantine(path: Path, clips: Iterable[QuarantinedClip]) -> None:
    """Add entries to the list at `path`; the file is untouched when all are known."""
    known = read_quarantine(path)
    merged = known | {(clip.clip_id, clip.sha256): clip for clip in clips}
    if merged != known or not path.exists():
        entries = [merged[key].model_dump(mode="json") for key in sorted(merged)]
        write_json(path, {"schema_version": 1, "clips": entries})


def entry(
    clip_id: str,
    path: str,
    sha256: str,
    error: FootageError,
    stage: Literal["footage", "first_frames", "latents"],
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
