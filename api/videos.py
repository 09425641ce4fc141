"""POST /generate: a form in, a published clip with its scores out, or the job that makes it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api.access.caller import caller_of
from api.body_limit import with_form_read
from api.errors import InvalidForm
from api.form import GenerateForm, complaints
from api.job_view import REFUSALS, VideoJob, seen, wants_anew, while_connected
from api.jobs.job import JobRequest
from api.kept_presets import ServedPresets
from api.problems import complaints_of
from api.service import Generated, service_of


class _FormRoute(APIRoute):
    """Acts before and after FastAPI's reading of the form, which no dependency does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            presets = await run_in_threadpool(service_of(request).presets)
            request = await with_form_read(request, presets.limits.max_body_bytes)
            request.state.presets = presets
            try:
                return await handle(request)
            except RequestValidationError as error:
                # FastAPI stops at the model's complaints; the others belong to the same answer.
                others = complaints(await request.form(), presets)
                raise InvalidForm({**complaints_of(error), **others}) from error

        return limited


router = APIRouter(tags=["jobs"], route_class=_FormRoute)


@router.post(
    "/generate",
    response_model=Generated,
    responses={
        202: {"model": VideoJob, "description": "The job; its address is in Location."},
        **REFUSALS,
    },
    # FastAPI lists a form under one media type.
    openapi_extra={
        "requestBody": {
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"$ref": "#/components/schemas/GenerateForm"}
                }
            }
        }
    },
)
async def generate(
    request: Request, form: Annotated[GenerateForm, Form(media_type="multipart/form-data")]
) -> Generated | JSONResponse:
    """Generate one clip and wait for it; with `Prefer: respond-async` only its job is awaited. A
    client that hangs up while it waits cancels the job."""
    presets: ServedPresets = request.state.presets
    if wrong := complaints(await request.form(), presets):
        raise InvalidForm(wrong)
    service = service_of(request)
    asked = JobRequest.model_validate(form.model_dump())
    key = request.headers.get("idempotency-key")
    anew, caller = wants_anew(request.headers), caller_of(request).id
    job, made = await run_in_threadpool(service.submit, asked, presets, key, caller, anew)
    if "respond-async" in request.headers.get("prefer", ""):
        told = await run_in_threadpool(seen, service, job)
        headers = {"Location": f"/v1/videos/{job.id}", "Preference-Applied": "respond-async"}
        return JSONResponse(told.model_dump(mode="json"), 202, headers)
    return Generated.model_validate(await while_connected(request, service, job, made))
