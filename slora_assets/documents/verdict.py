"""`verdict.json` and `pairs.json` of `outputs/validation/<run>/`: the gate's answer about one
adapter, and the paired measurements that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from slora_assets.documents.document import Document, is_none
from slora_assets.documents.models import BaseIdentity

VERDICT_FILE: Final = "verdict.json"

Answer = Literal["pass", "fail", "inconclusive"]


class PromptPair(Document):
    """Base and adapter on one prompt and seed, all else equal."""

    prompt_id: str
    """Scenario and place in its list of prompts."""
    prompt: str = ""
    """Its text."""
    seed: int
    """Of the noise that both sides start from."""
    labels: Mapping[str, str] = {}
    """What the prompt shares with others (`subject`, `motion`, `template`): prompts with a label in
    common are not independent."""
    counts_as: str
    """The prompt of the clip that it counts as: its own, or of the first that is nearly equal."""
    counts_as_seed: int | None = Field(default=None, exclude_if=is_none)
    """That clip's seed, where it is not this one's."""
    base: Mapping[str, float | None]
    """Metric name -> value; null where it could not be measured (frozen clip, no scorer)."""
    adapter: Mapping[str, float | None]
    """As `base`."""
    base_frozen: bool
    """Does the base's clip stand still?"""
    adapter_frozen: bool
    """Does the adapter's?"""
    difference: float = Field(ge=0, le=1)
    """Mean absolute pixel difference of the two clips, intensities 0..1."""

    @property
    def clip(self) -> str:
        """Its clips' name, as their files'."""
        return f"{self.prompt_id}_{self.seed}"

    @property
    def first_seed(self) -> int:
        """The seed of the clip that it counts as."""
        return self.seed if self.counts_as_seed is None else self.counts_as_seed

    @property
    def counts_as_clip(self) -> str:
        """The name of the clip that it counts as."""
        return f"{self.counts_as}_{self.first_seed}"


class FootageClip(Document):
    """A clip of the scenario's footage, passed through the base's VAE and measured as samples
    are: what a perfect adapter would draw."""

    clip_id: str
    split: str
    caption: str
    """The prompt that it was scored against: its own first one."""
    scores: Mapping[str, float | None]
    """Metric name -> value."""


class PairedMeasurements(Document):
    """`pairs.json`, whole."""

    schema_version: Literal[3] = 3
    pairs: list[PromptPair]
    footage: list[FootageClip]
    """What both sides are held against."""


class GuardedMetric(Document):
    """One guarded metric. Differences are signed so that positive means the adapter is better."""

    yardstick: str
    """What the adapter is held against: see the gate's settings."""
    base: float | None
    """Mean over prompts, as are the next two (the last over clips)."""
    adapter: float | None
    footage: float | None
    mean_delta: float | None
    """Of adapter minus base; against footage, of adapter minus what it is asked to reach."""
    lower: float | None
    """One-sided bound at the settings' confidence; null with fewer than two prompts."""
    upper: float | None
    margin: float
    """How far below zero the lower bound may lie; 0 where a share of the footage's is asked."""
    allowance: float
    """Part of the margin that the footage gives, being worse than the base itself."""
    n: int
    """Distinct clips, a prompt with a seed each, on which both sides were measured."""
    improved: bool
    """Whether the adapter is shown to be better than the base at it."""
    shares: Mapping[str, float]
    """Label -> estimated share of the differences' variance that prompts with an equal one
    share."""
    false_pass: float | None
    """How often the bound would let an adapter through that is just as much worse as may not be,
    with these very prompts and this variance (simulated); null where nothing varies."""
    power: float | None
    """How often it would let through one that is as good as the yardstick asks of it on average."""

    @property
    def limit(self) -> float:
        """What the mean difference must be shown to lie above."""
        return -self.margin or 0.0


class HeldOut(Document):
    """Denoising loss of the held-out clips at fixed noise; lower is better."""

    base: float
    adapter: float
    limit: float
    """What the adapter's may not exceed."""
    clips: int


class GateDecision(Document):
    """What the gate says, and why."""

    answer: Answer = Field(validation_alias="verdict", serialization_alias="verdict")
    reasons: list[str]
    metrics: dict[str, GuardedMetric]
    n_clips: int
    """Distinct ones of each side, a prompt with a seed each."""
    duplicates: dict[str, list[str]]
    """Clip, a prompt with a seed, -> others that are nearly equal to it, and count as one with
    it."""
    footage_clips: int
    mean_difference: float | None
    """Mean over prompts of `difference`; null without prompts."""
    held_out: HeldOut | None = None
    """Null where nobody measured it."""
    given_up: bool = False
    """Whether sampling ended early, with an adapter that could not pass any more."""
    confidence: float
    bootstrap_samples: int
    bootstrap_seed: int


class Elsewhere(Document):
    """What the adapter does to clips of prompts that it wasn't trained for: forgetting shows as a
    lower CLIP similarity."""

    asked: str
    """Whose prompts: another scenario's name, or `neutral`."""
    n_clips: int
    base: float | None
    """Mean CLIP similarity."""
    adapter: float | None
    mean_delta: float | None
    lower: float | None
    """One-sided bounds of the mean difference at the gate's confidence."""
    upper: float | None


class NearestTrainingClip(Document):
    """The training clip that a sample of the adapter comes nearest to."""

    prompt_id: str
    seed: int
    clip_id: str
    similarity: float
    """0..1; 1 is the same clip."""
    limit: float
    """Similarity from which the sample counts as a copy."""
    copied: bool
    evidence: str
    mirrored: bool


class NearestTrainingClips(Document):
    """`nearest.json`: a row per sample, the nearest first."""

    schema_version: Literal[1] = 1
    clips: list[NearestTrainingClip]


class AsServed(Document):
    """How clips were sampled: as the preset would serve them."""

    scale: float
    """Strength of the adapter."""
    steps: int
    guidance_scale: float


class AskedPrompt(Document):
    """A prompt that both sides were sampled with, and its labels."""

    id: str
    text: str
    subject: str | None
    motion: str | None
    template: str | None


class AskedQuestion(Document):
    """All that a verdict depends on but the adapter's strength."""

    version: int
    """Of the code that judges clips."""
    temporal: int
    """Of the code that measures them."""
    adapter: str
    """SHA-256 of its file."""
    run: str
    """The run's hash."""
    prompts: list[AskedPrompt]
    footage: str
    """Hash of the clips, their bytes, splits and captions."""
    contrasts: list[list[str]]
    """Other scenarios' prompts, for each of the run's."""
    neutral: list[str]
    seeds: list[int]
    gate: dict[str, Any]
    """Every setting of the gate."""
    sampling: dict[str, Any]
    """The preset's speed; null is the base's own default, which `served` says."""


class RunVerdict(Document):
    """`verdict.json`, whole: the gate's decision, and what it was measured with."""

    schema_version: Literal[3] = 3
    run: str
    run_hash: str
    adapter_sha256: str
    validation_hash: str
    served: AsServed
    base: BaseIdentity
    scorer: dict[str, Any]
    scores_trusted: bool
    scores_note: str | None
    base_scores: dict[str, Any]
    adapter_scores: dict[str, Any]
    footage_scores: dict[str, Any]
    elsewhere: list[Elsewhere] = []
    copies: int | None = None
    """Samples of the adapter that copy a training clip; null where nobody looked."""
    gate: GateDecision = Field(validation_alias="verdict", serialization_alias="verdict")
    question: AskedQuestion | None = Field(default=None, exclude_if=is_none)
    """What `validation_hash` stands for. None in older records, as are the next two."""
    software: dict[str, str] | None = Field(default=None, exclude_if=is_none)
    """Package -> version, of what sampled and measured."""
    threads: int | None = Field(default=None, exclude_if=is_none)
    """How many torch computed with on the CPU, by which scores differ in their last digits."""
