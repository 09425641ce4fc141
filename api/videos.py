"""POST /generate: a form in, a published clip with its scores out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api.body_limit import with_form_read
from api.errors import InvalidForm
from api.form import GenerateForm, complaints
from api.problems import complaints_of
from api.same_origin import refuse_foreign
from api.service import Generated, service_of
from slora_assets.documents import Presets


class _FormRoute(APIRoute):
    """Acts before and after FastAPI's reading of the form, which no dependency does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            refuse_foreign(request.headers)
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
    responses={
        403: {"description": "Sent by a page of another site."},
        408: {"description": "The body took too long to arrive."},
        409: {"description": "No adapter of the scenario may be served; the detail says why."},
        413: {"description": "The body is too large."},
        415: {"description": "The body is no form."},
        422: {"description": "A field is missing, unknown or out of range."},
        429: {"description": "Too many requests wait; Retry-After says when to come back."},
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
) -> Generated:
    """Generate one clip and wait for it."""
    presets: Presets = request.state.presets
    if wrong := complaints(await request.form(), presets):
        raise InvalidForm(wrong)
    future = await run_in_threadpool(service_of(request).submit, form, presets)
    return await asyncio.wrap_future(future)
