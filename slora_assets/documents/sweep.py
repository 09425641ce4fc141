"""`sweep.json` of `outputs/sweeps/<run>/`: the gate's answer at several strengths of an adapter."""

from __future__ import annotations

from typing import Any, Final, Literal

from slora_assets.documents.document import Document
from slora_assets.documents.verdict import Answer, GuardedMetric

SWEEP_FILE: Final = "sweep.json"


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
    """The sweep, whole; stands as long as the verdict that it stands beside does."""

    schema_version: Literal[1] = 1
    run: str
    adapter_sha256: str
    sweep_hash: str
    """Everything that it depends on: what the verdict depends on, and the scales."""
    base_scores: dict[str, Any]
    footage_scores: dict[str, Any]
    scales: list[SweptScale]
    """By speed, then by rising scale."""
