"""Splits that can't leak: whole source groups go to one side, and no clip ever moves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from slora_assets.curation.readers import AnnotatedClip

Split = Literal["train", "validation", "test"]

_STRICTEST: tuple[tuple[str, Split], ...] = (("test", "test"), ("validate", "validation"))


def split_groups(clips: Iterable[AnnotatedClip], validation_share: float) -> dict[str, Split]:
    """The split of each source group.

    A group with any official test clip is `test` and never trained on; else one with any official
    validation clip is `validation`; else, where the dataset has no official splits, the hash of the
    group's name decides, so that new footage never moves an old clip.
    """
    official: dict[str, set[str]] = {}
    for clip in clips:
        official.setdefault(clip.source_group, set()).add(clip.official_split or "")
    return {group: _split(group, names, validation_share) for group, names in official.items()}


def _split(group: str, official: set[str], validation_share: float) -> Split:
    for name, split in _STRICTEST:
        if name in official:
            return split
    if official == {""}:
        position = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
        return "validation" if position < validation_share else "train"
    return "train"
