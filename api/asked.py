"""From a request's body to its job: the same fields, limits and refusals as a form and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.access.caller import caller_of
from api.body_limit import with_fields_read
from api.form import form_of
from api.job_view import wants_anew
from api.jobs.job import Job, JobRequest
from api.service import service_of


async def submitted(
    request: Request, *, model_names_scenario: bool = False
) -> tuple[Job, Future[Mapping[str, object]]]:
    """The job that a request asks for, and its result. Raises InvalidForm, what `with_fields_read`
    raises of a body, and what `Service.submit` does."""
    service = service_of(request)
    presets = await run_in_threadpool(service.presets)
    sent = await with_fields_read(request, presets.limits.max_body_bytes)
    form = form_of(sent, presets, model_names_scenario=model_names_scenario)
    asked = JobRequest.model_validate(form.model_dump())
    key = request.headers.get("idempotency-key")
    anew, caller = wants_anew(request.headers), caller_of(request).id
    return await run_in_threadpool(service.submit, asked, presets, key, caller, anew)


def body_of(form: str, in_json: str) -> dict[str, Any]:
    """What the contract says of such a body, by the names of its schemas: FastAPI takes either a
    form or JSON, so that both are read by hand."""
    fields = {"schema": {"$ref": f"#/components/schemas/{form}"}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{in_json}"}},
                "application/x-www-form-urlencoded": fields,
                "multipart/form-data": fields,
            },
        }
    }
