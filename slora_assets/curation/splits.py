"""Splits that can't leak: whole source groups go to one side, and no clip ever moves."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import polars as pl

from slora_assets.documents import Split

_STRICTEST: tuple[tuple[str, Split], ...] = (("test", "test"), ("validate", "validation"))


class SourceGroups:
    """The official splits met in each source group; groups without any are not kept."""

    def __init__(self) -> None:
        self._official: defaultdict[str, set[str]] = defaultdict(set)
        self._held_out = False
        """Whether there is an official validation part."""

    def see(self, clips: pl.DataFrame) -> None:
        """Note the official splits of a batch (columns `source_group`, `official_split`)."""
        said = clips.filter(pl.col("official_split").is_not_null())
        for group, split in said.select("source_group", "official_split").unique().iter_rows():
            self._official[group].add(split)
            self._held_out |= split == "validate"

    def split(self, group: str, validation_share: float) -> Split:
        """The split of a source group, once all clips have been seen.

        A group with any official test clip is `test` and never trained on; else one with any
        official validation clip is `validation`; else, where no clip of it has an official split,
        the hash of the group's name decides, so that new footage never moves an old clip. It
        decides of official training groups as well in a dataset that has no official validation
        part, as under MSR-VTT's 7k and 9k lists.
        """
        official = self._official.get(group, set())
        for name, split in _STRICTEST:
            if name in official:
                return split
        if official and self._held_out:
            return "train"
        position = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
        return "validation" if position < validation_share else "train"
