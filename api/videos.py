"""POST /generate: a form or JSON in, a published clip with its scores out, or the job that makes
it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api.asked import body_of, submitted
from api.job_view import REFUSALS, VideoJob, seen, while_connected
from api.service import Generated, service_of

router = APIRouter(tags=["jobs"])


@router.post(
    "/generate",
    response_model=Generated,
    responses={
        202: {"model": VideoJob, "description": "The job; its address is in Location."},
        **REFUSALS,
    },
    openapi_extra=body_of("GenerateForm", "GenerateJson"),
)
async def generate(request: Request) -> Generated | JSONResponse:
    """Generate one clip and wait for it; with `Prefer: respond-async` only its job is awaited. A
    client that hangs up while it waits cancels the job."""
    service = service_of(request)
    job, made = await submitted(request)
    if "respond-async" in request.headers.get("prefer", ""):
        told = await run_in_threadpool(seen, service, job)
        headers = {"Location": f"/v1/videos/{job.id}", "Preference-Applied": "respond-async"}
        return JSONResponse(told.model_dump(mode="json"), 202, headers)
    return Generated.model_validate(await while_connected(request, service, job, made))
