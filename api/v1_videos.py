"""`/v1/videos`: jobs, as OpenAI's and vLLM-Omni's clients ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from api.access.caller import caller_of
from api.asked import body_of, submitted
from api.clip_response import clip_response
from api.errors import JobNotFound, Unfinished
from api.job_view import REFUSALS, VideoJob, seen
from api.jobs.job import Job
from api.service import Service, service_of

_LOOK_EVERY_S = 0.2
_NONE: dict[int | str, dict[str, Any]] = {404: {"description": "No job has this id."}}


router = APIRouter(prefix="/v1/videos", tags=["jobs"])


class VideoList(BaseModel):
    """One page of jobs."""

    model_config = ConfigDict(frozen=True)

    object: Literal["list"] = "list"
    data: list[VideoJob]
    first_id: str | None
    last_id: str | None
    """Name it as `after` for the next page."""
    has_more: bool


class Deleted(BaseModel):
    """The job is cancelled, or gone with its clip."""

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


@router.post("", responses=REFUSALS, openapi_extra=body_of("VideoForm", "VideoJson"))
async def create(request: Request, response: Response) -> VideoJob:
    """Queue a job. Fields as of `POST /generate`, where `model` may name the scenario. With an
    `Idempotency-Key` the same request gives the same job."""
    job, _ = await submitted(request, model_names_scenario=True)
    response.headers["Location"] = f"/v1/videos/{job.id}"
    return await run_in_threadpool(seen, service_of(request), job)


@router.get("", responses={**_NONE, 422: {"description": "No page can be asked for so."}})
def page(
    request: Request,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> VideoList:
    """Jobs by the time they were accepted, the newest first by default; of one's own key, unless
    that is an `admin`'s."""
    service = service_of(request)
    jobs, more = service.jobs.page(after, limit, order == "desc", caller_of(request).only)
    shown = [seen(service, job) for job in jobs]
    ends = (shown[0].id, shown[-1].id) if shown else (None, None)
    return VideoList(data=shown, first_id=ends[0], last_id=ends[1], has_more=more)


@router.get("/{video_id}", responses=_NONE)
def one(video_id: str, request: Request) -> VideoJob:
    """A job as it stands now."""
    service = service_of(request)
    return seen(service, caller_of(request).own(service.jobs.get(video_id)))


@router.delete("/{video_id}", responses=_NONE)
def delete(video_id: str, request: Request) -> Deleted:
    """Cancel a job that isn't finished: it stops after its step, and stays listed as cancelled.
    Delete one that is, with its clip."""
    service = service_of(request)
    service.delete(caller_of(request).own(service.jobs.get(video_id)))
    return Deleted(id=video_id)


@router.head("/{video_id}/content", include_in_schema=False)
@router.get(
    "/{video_id}/content",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The clip."},
        206: {"content": {"video/mp4": {}}, "description": "The asked range of the clip."},
        304: {"description": "The client has these very bytes (`If-None-Match`)."},
        409: {"description": "The job has no clip: not yet, or it failed or was cancelled."},
        410: {"description": "The job's clip is erased."},
        416: {"description": "The range lies outside the clip."},
        **_NONE,
    },
)
def content(video_id: str, request: Request) -> Response:
    """The clip of a finished job."""
    service = service_of(request)
    job = caller_of(request).own(service.jobs.get(video_id))
    if job.artifact is None:
        why = f" {job.error.message}" if job.error else ""
        raise Unfinished(f"The job is {job.state.replace('_', ' ')}.{why}")
    return clip_response(service, job.artifact, request)


@router.get(
    "/{video_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "The job, each time."},
        **_NONE,
    },
)
async def events(video_id: str, request: Request) -> StreamingResponse:
    """The job as server-sent events: one whenever it has changed, up to its end, or until it is
    deleted."""
    service = service_of(request)
    job = caller_of(request).own(await run_in_threadpool(service.jobs.get, video_id))
    return StreamingResponse(
        _changes(request, service, job),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _changes(request: Request, service: Service, job: Job) -> AsyncIterator[str]:
    last: VideoJob | None = None
    while True:
        now = await run_in_threadpool(seen, service, job)
        if now != last:
            yield _event(now.status, now)
            last = now
        if not (job.unfinished and service.runner.running) or await request.is_disconnected():
            return
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            job = await run_in_threadpool(service.jobs.get, job.id)
        except JobNotFound:
            yield _event("deleted", Deleted(id=job.id))
            return


def _event(name: str, about: BaseModel) -> str:
    return f"event: {name}\ndata: {json.dumps(about.model_dump(mode='json'))}\n\n"
