"""What is said of a published clip: the answer to `POST /generate`, made from its sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from api.errors import ArtifactNotFound
from slora_assets.documents import BaseIdentity
from slora_assets.marking.marked import LAYERS
from slora_assets.validation.metrics.temporal_consistency import TemporalScore


class Generated(BaseModel):
    """The answer to POST /generate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    """Of the job that made it: `GET /v1/videos/<job>`."""
    id: str
    """What its marks call it."""
    marks: tuple[str, ...]
    """What in the clip and about it says that it was generated; `slora detect` looks for them."""
    url: str
    """Where the clip is, at this service."""
    sha256: str
    """Of the MP4."""
    bytes: int
    frames: int
    width: int
    height: int
    fps: float
    seconds: float
    """From the start of the generation to the scored clip."""
    stage_durations: dict[str, float] = {}
    """Seconds by stage: `wait` (for the accelerator), `load` (weights and adapter), `denoise` (the
    text included), `decode`, `score`. Older clips don't say."""
    peak_memory_mb: float | None = None
    """The most memory used meanwhile, in MiB: on an accelerator its own, else the process's."""
    reused: bool = False
    """Whether this very request was answered before, and the clip is the one that was made then.
    `Cache-Control: no-cache` asks for one of its own."""
    warnings: tuple[str, ...] = ()
    """What of the request has no effect: words beyond what the text encoder reads."""
    status: Literal["promoted", "preview", "base"]
    """preview: nobody promoted this adapter. base: there is none, the clip is the base's own."""
    scenario: str
    adapter_sha256: str | None
    """null at strength 0, which is the base alone; likewise `lora_path`."""
    lora_path: str | None
    verdict: str | None
    """The gate's answer about clips that are drawn so; null for others."""
    verdict_note: str | None
    """Why no verdict speaks for this clip."""
    lora_scale: float
    prompt: str
    negative_prompt: str | None
    seed: int
    steps: int
    guidance_scale: float
    base: BaseIdentity
    temporal_score: TemporalScore
    """Its headline `temporal_consistency` is null for a frozen clip; `reason` says why."""
    clip_similarity: float | None = None
    """How well the clip shows its prompt, -1..1 (CLIPSIM), by the scorer that the gate judges the
    scenario with; null where that isn't on this machine, and for older clips."""
    scores_note: str | None
    """Why scores mean nothing here, where base or scorer are untrained."""


def answer_of(sidecar: Mapping[str, object]) -> dict[str, object]:
    """What `Generated` says, of a published clip's sidecar. Raises ArtifactNotFound for one of an
    older version, which doesn't say as much."""
    name = str(sidecar["artifact"])
    told = {field: sidecar[field] for field in Generated.model_fields if field in sidecar}
    more = {"id": name.removesuffix(".mp4"), "marks": LAYERS, "url": f"/artifacts/{name}"}
    try:
        return Generated.model_validate(told | more).model_dump(mode="json")
    except ValidationError as error:
        raise ArtifactNotFound(
            "An older version published this clip; what it wrote down is in the sidecar."
        ) from error
