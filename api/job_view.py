"""A job as `/v1/videos` shows it, and how a client waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from api.errors import Cancelled, NotReady
from api.jobs.job import Job, JobError, State
from api.service import Generated, Service
from api.store.retention import standing

_LOOK_EVERY_S = 0.25

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is broken, has too many fields, or a file."},
    403: {"description": "Sent by a page of another site."},
    408: {"description": "The body took too long to arrive."},
    409: {"description": "No adapter of the scenario may be served; the detail says why."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is of another kind."},
    422: {"description": "A field is missing, unknown or out of range, or it costs too much."},
    429: {"description": "Too many requests wait; Retry-After says when to come back."},
    503: {"description": "The service stops, can't generate now, or has not enough memory for it."},
    504: {"description": "The clip took longer than the limits allow."},
    507: {"description": "The service's disk is full."},
}


class VideoJob(BaseModel):
    """One job, with the fields of OpenAI's video object and more of our own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    object: Literal["video"] = "video"
    model: str
    """The scenario whose adapter makes the clip."""
    status: State
    progress: int
    """Percent of the denoising steps."""
    queue_position: int | None
    """How many jobs are made before it, while it waits."""
    prompt: str
    seed: int
    lora_scale: float
    adapter_sha256: str | None
    """null: the base alone."""
    created_at: int
    started_at: int | None
    completed_at: int | None
    """When it ended, however that was."""
    expires_at: int | None
    """When a finished clip is erased, as the presets' limits say; null: it is kept."""
    stage_durations: dict[str, float] | None
    """Of a finished clip: seconds by stage."""
    peak_memory_mb: float | None
    """Of a finished clip: the most memory that was used meanwhile, in MiB."""
    waiting_for: str | None
    """Why a job in progress has not begun: who uses the accelerator."""
    size: str | None
    """Width and height of a finished clip, in pixels."""
    seconds: str | None
    """How long a finished clip lasts."""
    error: JobError | None
    content: str | None
    """Where a finished clip is; null when it is erased."""
    result: Generated | None
    """What `POST /generate` would have answered: scores, verdict, hashes."""


def seen(service: Service, job: Job) -> VideoJob:
    """The job as it stands now."""
    done, steps = service.runner.progress(job)
    percent = 100 if job.state == "completed" else 100 * done // steps if steps else 0
    made = Generated.model_validate(job.result) if job.result is not None else None
    clip = standing(service.settings.workspace.artifacts, job.artifact)
    return VideoJob(
        id=job.id,
        model=job.request.scenario,
        status=job.state,
        progress=percent,
        queue_position=service.jobs.position(job) if job.state == "queued" else None,
        prompt=job.request.prompt,
        seed=job.plan.seed,
        lora_scale=job.plan.lora_scale,
        adapter_sha256=job.plan.adapter_sha256,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.finished_at,
        expires_at=clip.expires_at(service.presets().limits) if clip else None,
        stage_durations=made.stage_durations if made else None,
        peak_memory_mb=made.peak_memory_mb if made else None,
        waiting_for=service.making.accelerator.waiting_for if service.runner.makes(job) else None,
        size=f"{made.width}x{made.height}" if made else None,
        seconds=f"{made.frames / made.fps:g}" if made else None,
        error=job.error,
        content=f"/v1/videos/{job.id}/content" if clip else None,
        result=made,
    )


def wants_anew(headers: Headers) -> bool:
    """Whether a client wants a clip of its own, and not the one that its request gave before."""
    said = headers.get("cache-control", "").lower().split(",")
    return any(one.strip() in ("no-cache", "max-age=0") for one in said)


async def while_connected(
    request: Request, service: Service, job: Job, made: Future[Mapping[str, object]]
) -> Mapping[str, object]:
    """The job's result. Who hangs up gives the job up. Raises what it failed with."""
    waiting = asyncio.wrap_future(made)
    while True:
        try:
            done, _ = await asyncio.wait([waiting], timeout=_LOOK_EVERY_S)
        except asyncio.CancelledError:  # how some servers say it, and all that are stopped
            if service.runner.running:
                await run_in_threadpool(service.runner.abandon, job.id, made)
            raise
        if done:
            return waiting.result()
        if not service.runner.running:
            waiting.cancel()  # else the loop says as an error that nobody took the answer
            raise NotReady(
                f"The service is stopping; the job is kept. Remedy: ask for /v1/videos/{job.id}"
                " when it runs again."
            )
        if await request.is_disconnected():
            await run_in_threadpool(service.runner.abandon, job.id, made)
            raise Cancelled("The client has hung up.")
