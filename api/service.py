"""What the handlers share: settings, presets read anew, the engine, its jobs, the artifacts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from api.errors import ArtifactNotFound, InvalidForm, NotServable
from api.generator.choice import Choice, choose, refuse_taken_down
from api.generator.engine import Engine, Recipe
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.runner import JobRunner, Made, Step
from api.jobs.store import JobStore
from api.jobs.table import LONGEST_KEY
from api.kept_presets import KeptPresets, ServedPresets
from api.settings import ApiSettings
from api.store.artifact_store import ArtifactStore
from slora_assets.documents import DEFAULT_SPEED, BaseIdentity, SpeedPreset
from slora_assets.marking.marked import LAYERS
from slora_assets.provenance import Json
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal
from slora_assets.validation.yardstick import motion_reference_of

RANDOM_BASE = (
    "The base is not fully trained: the clip and its scores show that the path works, and say "
    "nothing of quality."
)


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
    status: Literal["promoted", "preview"]
    """preview: nobody promoted this adapter."""
    scenario: str
    adapter_sha256: str
    lora_path: str
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
    scores_note: str | None
    """Why scores mean nothing here, where base or scorer are untrained."""


class Service:
    """One running service. Handlers stay thin: read, refuse, call this."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._presets = KeptPresets(settings.workspace.presets)
        self.engine = Engine(settings.workspace.models, settings.device)
        self.store = ArtifactStore(settings.workspace)
        self.jobs = JobStore(settings.jobs_url)
        self.runner = JobRunner(self.jobs, self._make, self._published)

    def presets(self) -> ServedPresets:
        """The presets as they stand on disk now, or the last that could be read."""
        return self._presets.now()

    def submit(
        self, request: JobRequest, presets: ServedPresets, key: str | None = None
    ) -> tuple[Job, Future[Mapping[str, object]]]:
        """Queue a generation. Raises NotServable, QueueFull, IdempotencyConflict, InvalidForm for
        another's path and for a key that is too long."""
        if key is not None and len(key) > LONGEST_KEY:
            raise InvalidForm({"Idempotency-Key": f"longer than {LONGEST_KEY} characters"})
        choice = choose(self.settings, presets, request.scenario)
        if request.lora_path is not None and not choice.named_by(request.lora_path):
            raise InvalidForm(
                {
                    "lora_path": f"not the adapter of {request.scenario}, which is "
                    f"{choice.lora_path}; leave the field out for it"
                }
            )
        self._refuse_other_frames(request, presets)
        default, scale = presets.presets[request.scenario].scale, request.lora_scale
        plan = Plan(
            adapter_sha256=choice.record.sha256,
            lora_scale=default if scale is None else scale,
            seed=presets.seed if request.seed is None else request.seed,
        )
        return self.runner.submit(request, plan, key, presets.limits.max_queue)

    def _refuse_other_frames(self, request: JobRequest, presets: ServedPresets) -> None:
        """Raise InvalidForm for a number of frames that the base doesn't make."""
        if request.num_frames is None:
            return
        frames = self.engine.base(presets.base_model).geometry.frames
        if request.num_frames != frames:
            raise InvalidForm({"num_frames": f"the base makes clips of {frames} frames"})

    def delete(self, job: Job) -> None:
        """Cancel the job, or, where it is finished, forget it with its clip. Its entry in the
        register of published clips stays: whoever has the file can still be told what it is."""
        if job.unfinished and self.runner.cancel(job.id):
            return
        job = self.jobs.get(job.id)
        if job.artifact is not None:
            self.store.erase(job.artifact)
        self.jobs.forget(job.id)

    def _make(self, job: Job, on_step: Step) -> Made:
        start = time.monotonic()
        presets, request, plan = self.presets(), job.request, job.plan
        choice = choose(self.settings, presets, request.scenario)
        if choice.record.sha256 != plan.adapter_sha256:
            raise NotServable(
                f"Another adapter serves {request.scenario} since the job was accepted. Remedy:"
                " send it again."
            )
        recipe = Recipe(
            folder=choice.folder,
            record=choice.record,
            scale=plan.lora_scale,
            prompt=request.prompt,
            seed=plan.seed,
            speed=_speed(request, presets),
            max_steps=presets.limits.max_steps,
            negative_prompt=request.negative_prompt,
        )
        clip = self.engine.generate(presets.base_model, recipe, on_step)
        refuse_taken_down(self.settings, choice)
        base = self.engine.base(presets.base_model).identity()
        enough = motion_reference_of(self.settings.workspace, request.scenario, base)
        temporal = measure_temporal(clip.frames, clip.fps, enough)
        unjudged = _unjudged(request, plan)
        facts: dict[str, Json] = {
            "job": job.id,
            "status": choice.status,
            "scenario": choice.scenario,
            "adapter_sha256": choice.record.sha256,
            "lora_path": choice.lora_path,
            "verdict": choice.verdict if unjudged is None else None,
            "verdict_note": unjudged,
            "lora_scale": plan.lora_scale,
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "seed": plan.seed,
            "steps": clip.steps,
            "guidance_scale": clip.guidance_scale,
            "base": base.model_dump(mode="json"),
            "temporal_score": temporal.model_dump(mode="json"),
            "scores_note": _note(choice, base),
            "frames": len(clip.frames),
            "width": int(clip.frames.shape[2]),
            "height": int(clip.frames.shape[1]),
            "fps": clip.fps,
        }
        # With these the sidecar leads from the clip back to the footage.
        origin = choice.record.model_dump(
            mode="json", include={"run_hash", "config_hash", "dataset_hash"}
        )
        told = {**facts, **origin, "seconds": round(time.monotonic() - start, 3)}
        artifact = self.store.publish(clip.frames, clip.fps, told, choice.records)
        return artifact.name, answer_of(self.store.sidecar(artifact.name))

    def _published(self, job: Job) -> tuple[str, dict[str, object]] | None:
        """The clip of a job whose service died between the clip and the word of it."""
        name = self.store.made_for(job.id)
        return None if name is None else (name, answer_of(self.store.sidecar(name)))


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


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def _speed(request: JobRequest, presets: ServedPresets) -> SpeedPreset:
    """The default preset's, but for what the request asks for."""
    default = presets.speed[DEFAULT_SPEED]
    steps, guidance = request.num_inference_steps, request.guidance_scale
    return SpeedPreset(
        steps=default.steps if steps is None else steps,
        guidance_scale=default.guidance_scale if guidance is None else guidance,
    )


def _unjudged(request: JobRequest, plan: Plan) -> str | None:
    """Why the adapter's verdict is about other clips than this one."""
    if plan.lora_scale == 0:
        return "At strength 0 the clip is the base's, without the adapter."
    if not request.as_judged:
        return "The adapter was judged with the preset's steps and guidance and no negative prompt."
    return None


def _note(choice: Choice, base: BaseIdentity) -> str | None:
    notes = ([] if base.trained else [RANDOM_BASE]) + (
        [choice.scores_note] if choice.scores_note else []
    )
    return " ".join(notes) or None
