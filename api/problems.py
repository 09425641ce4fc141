"""The one place where exceptions become responses: RFC 9457 problems with a request id.

What a client reads holds neither paths of the machine nor tracebacks; the log has both, under the
same id.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, InvalidForm
from slora_assets.config.errors import GateError, IntegrityError, MissingInputError, SloraError

_LOG = logging.getLogger("slora.api")
_MEDIA_TYPE = "application/problem+json"
_SHOWN_CHARACTERS = 64
_COMPLAINTS = {
    "extra_forbidden": "unknown field; the fields are prompt, scenario, lora_scale, lora_path",
    "finite_number": "not a number in plain decimal notation",
    "missing": "missing or blank",
    "string_type": "a text is expected",
    "string_unicode": "holds characters that can't be printed",
}
"""pydantic's name of an error -> what a client reads."""
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\";,:()]+){2,}[/\\]?|(?<![\w.])/[\w.-]+")


class RequestId:
    """Gives each request an id and each response the headers that all have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, labelled)


def install(app: FastAPI) -> None:
    """Make `app` answer every exception with a problem."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(SloraError, _slora_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _unexpected)


def public(error: SloraError) -> str:
    """What may be shown of a domain error: what and remedy, without file, found and paths."""
    text = _PATH.sub("<path>", error.what.rstrip("."))
    remedy = f". Remedy: {_PATH.sub('<path>', error.remedy)}" if error.remedy else ""
    return f"{text[:1].upper()}{text[1:]}{remedy}."


def complaints_of(error: RequestValidationError) -> dict[str, str]:
    """Field -> what is wrong with it: one complaint per field, the first, in the API's words."""
    wrong: dict[str, str] = {}
    for one in error.errors():
        _place, *path = one["loc"]
        if one["type"] == "value_error":  # The validators' own words, without pydantic's around.
            said = str(one["ctx"]["error"])
        else:
            said = _COMPLAINTS.get(one["type"], "not what is expected")
        wrong.setdefault(str(path[0])[:_SHOWN_CHARACTERS] if path else "form", said)
    return wrong


def _problem(
    request: Request,
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    request_id = getattr(request.state, "request_id", None)
    body: dict[str, Any] = {
        "type": f"urn:slora:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    if fields:
        body["errors"] = [{"field": name, "detail": why} for name, why in fields.items()]
    return JSONResponse(
        body,
        status,
        headers={**(headers or {}), "X-Request-ID": str(request_id)},
        media_type=_MEDIA_TYPE,
    )


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _problem(
        request,
        error.status,
        error.slug,
        error.title,
        error.detail,
        fields=error.fields,
        headers=error.headers,
    )


async def _slora_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SloraError)
    _LOG.error("request %s: %s", getattr(request.state, "request_id", None), error)
    if isinstance(error, GateError):
        return _problem(request, 409, "refused", "The gate refuses this", public(error))
    if isinstance(error, MissingInputError | IntegrityError):
        return _problem(request, 503, "not-ready", "The service is not ready", public(error))
    return _problem(request, 500, "internal", "The server failed", public(error))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return _problem(
        request,
        error.status_code,
        "http",
        title,
        f"{request.method}: {title.lower()}.",
        headers=error.headers,
    )


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return await _api_error(request, InvalidForm(complaints_of(error)))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = getattr(request.state, "request_id", None)
    _LOG.error("request %s failed", request_id, exc_info=error)
    return _problem(
        request,
        500,
        "internal",
        "The server failed",
        "Something unexpected happened; the server's log has it under the request id.",
    )
