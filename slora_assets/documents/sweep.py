"""`sweep.json` and `pairs.json` of `outputs/sweeps/<run>/`: the gate's answer at several strengths
of an adapter, and the paired measurements that it rests on."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from slora_assets.documents.document import Document, is_none
from slora_assets.documents.verdict import (
    Answer,
    FootageClip,
    GuardedMetric,
    HeldOut,
    PromptPair,
)

SWEEP_FILE: Final = "sweep.json"


class MeasuredScale(Document):
    """One strength as it was measured: what its answer is judged by, and may be again."""

    scale: float
    speed: str
    pairs: list[PromptPair]
    held_out: HeldOut | None
    given_up: bool
    """Whether a clearly worse adapter was given up before all prompts were asked."""


class SweptMeasurements(Document):
    """`pairs.json` of a sweep, whole."""

    schema_version: Literal[1] = 1
    footage: list[FootageClip]
    """What every strength is held against."""
    scales: list[MeasuredScale]
    """As in the sweep."""


class SweptScale(Document):
    """One strength: judged as the verdict is, on the same prompts, seeds and footage."""

    scale: float
    speed: str
    """Name of the speed preset that it was sampled with."""
    answer: Answer
    reasons: list[str]
    adapter_scores: dict[str, Any]
    metrics: dict[str, GuardedMetric]
    n_clips: int
    """Distinct clips that it was judged by; fewer than asked where a clearly worse adapter was
    given up early."""


class ScaleSweep(Document):
    """The sweep, whole; stands while what its hash is of is the same and it is as it was left."""

    schema_version: Literal[2] = 2
    run: str
    adapter_sha256: str
    pairs_sha256: str
    """Of `pairs.json` beside it, by which promotion judges again."""
    sweep_hash: str
    """Everything that it depends on: what the verdict depends on, and the speeds; not the
    strengths, to which others may be added."""
    base_scores: dict[str, Any]
    footage_scores: dict[str, Any]
    scales: list[SweptScale]
    """By speed, then by rising scale."""
    software: dict[str, str] | None = Field(default=None, exclude_if=is_none)
    """As a verdict's, as is the next: of all rows but the one that is the verdict's own."""
    threads: int | None = Field(default=None, exclude_if=is_none)
