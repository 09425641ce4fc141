"""A job as it is kept and as clients see it: the shape of OpenAI's and vLLM-Omni's `/v1/videos`."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

State = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
UNFINISHED: Final[tuple[State, ...]] = ("queued", "in_progress")


class JobRequest(BaseModel):
    """What one clip is made from; null: the preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt: str
    scenario: str
    lora_scale: float | None = None
    lora_path: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    num_frames: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    preset: str | None = None
    """A speed preset by name."""

    @property
    def by_preset_alone(self) -> bool:
        """Whether a speed preset says all of how the clip is drawn, as of those that are judged."""
        asked = (self.negative_prompt, self.num_inference_steps, self.guidance_scale)
        return asked == (None, None, None)


class Plan(BaseModel):
    """What was decided when the job was accepted; whatever changes while it waits, the clip is this
    or none."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    adapter_sha256: str | None
    """null: the base alone."""
    lora_scale: float
    seed: int
    asked_by: str | None = None
    """Id of the key that asked for it; null: nobody asked for a key."""
    steps: int | None = None
    """null in jobs of an older version."""
    guidance_scale: float | None = None
    """Likewise."""


class JobError(BaseModel):
    """Why a job failed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    code: str
    """One word for programs: the problem's kind, as in `urn:slora:problem:<code>`."""
    message: str
    """A sentence for people, with the remedy."""


class Job(BaseModel):
    """One job at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """`video_` and 32 hexadecimal digits that nobody can guess."""
    request: JobRequest
    plan: Plan
    state: State
    attempts: int
    """How often it was begun."""
    created_at: int
    """Seconds since 1970, as all times here."""
    started_at: int | None = None
    finished_at: int | None = None
    artifact: str | None = None
    """Name of the published clip."""
    result: dict[str, object] | None = None
    """What `POST /generate` would have answered."""
    error: JobError | None = None
    steps_done: int | None = None
    """Denoising steps, of a job that another process than the service's own makes."""
    steps: int | None = None
    """All that there are; null: nobody has said."""

    @property
    def unfinished(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in UNFINISHED
