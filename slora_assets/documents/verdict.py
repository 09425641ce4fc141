"""`verdict.json` and `pairs.json` of `outputs/validation/<run>/`: the gate's answer about one
adapter, and the paired measurements that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from slora_assets.documents.document import Document
from slora_assets.documents.models import BaseIdentity

VERDICT_FILE: Final = "verdict.json"

Answer = Literal["pass", "fail", "inconclusive"]


class PromptPair(Document):
    """Base and adapter on one prompt and seed, all else equal. Seeds of a prompt are averaged."""

    prompt_id: str
    base: Mapping[str, float | None]
    """Metric name -> value; null where it could not be measured (frozen clip, no scorer)."""
    adapter: Mapping[str, float | None]
    base_frozen: bool
    adapter_frozen: bool
    difference: float = Field(ge=0, le=1)
    """Mean absolute pixel difference of the two clips, intensities 0..1."""


class PairedMeasurements(Document):
    """`pairs.json`, whole."""

    schema_version: Literal[1] = 1
    pairs: list[PromptPair]


class GuardedMetric(Document):
    """One guarded metric. Differences are signed so that positive means the adapter is better."""

    mean_delta: float | None
    lower: float | None
    """One-sided bound at the settings' confidence; null with fewer than two prompts."""
    upper: float | None
    margin: float
    n: int
    """Prompts on which both sides were measured."""


class GateDecision(Document):
    """What the gate says, and why."""

    answer: Answer = Field(validation_alias="verdict", serialization_alias="verdict")
    reasons: list[str]
    metrics: dict[str, GuardedMetric]
    n_prompts: int
    mean_difference: float | None
    """Mean over prompts of `difference`; null without prompts."""
    confidence: float
    bootstrap_samples: int
    bootstrap_seed: int


class RunVerdict(Document):
    """`verdict.json`, whole: the gate's decision, and what it was measured with."""

    schema_version: Literal[1] = 1
    run: str
    run_hash: str
    adapter_sha256: str
    validation_hash: str
    base: BaseIdentity
    scorer: dict[str, Any]
    scores_trusted: bool
    scores_note: str | None
    base_scores: dict[str, Any]
    adapter_scores: dict[str, Any]
    gate: GateDecision = Field(validation_alias="verdict", serialization_alias="verdict")
