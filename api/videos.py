"""POST /generate: a form in, a published clip with its scores out."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.errors import ForeignOrigin
from api.form import check_fields, read_fields
from api.service import Generated, service_of

router = APIRouter(tags=["jobs"])

_FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["prompt", "scenario"],
    "properties": {
        "prompt": {"type": "string", "minLength": 1},
        "scenario": {"type": "string", "description": "One of GET /scenarios."},
        "lora_scale": {
            "type": "number",
            "description": "Within the preset's scale_min..scale_max; its scale by default.",
        },
        "lora_path": {
            "type": "string",
            "description": "The scenario's adapter as GET /scenarios names it, and no other.",
        },
    },
}


@router.post(
    "/generate",
    response_model=Generated,
    responses={
        403: {"description": "Sent by a page of another site."},
        409: {"description": "No adapter of the scenario may be served; the detail says why."},
        413: {"description": "The body is too large."},
        415: {"description": "The body is no form."},
        422: {"description": "A field is missing, unknown or out of range."},
        429: {"description": "Too many requests wait; Retry-After says when to come back."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": _FORM_SCHEMA}
                for kind in ("multipart/form-data", "application/x-www-form-urlencoded")
            },
        }
    },
)
async def generate(request: Request) -> Generated:
    """Generate one clip and wait for it."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise ForeignOrigin("A browser says that another site's page sent this.")
    service = service_of(request)
    presets = await run_in_threadpool(service.presets)
    fields = await read_fields(request, presets.limits.max_body_bytes)
    form = check_fields(fields, presets)
    future = await run_in_threadpool(service.submit, form, presets)
    return await asyncio.wrap_future(future)
