"""The one place where exceptions become responses: RFC 9457 problems with a request id.

What a client reads holds neither paths of the machine nor tracebacks; the log has both, under the
same id.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, GateRefuses, InvalidForm, NoRoom, NotReady
from api.service_log import service_log
from slora_assets.config.errors import (
    GateError,
    IntegrityError,
    MissingInputError,
    NoRoomError,
    SloraError,
)

_LOG = service_log()
_MEDIA_TYPE = "application/problem+json"
_SHOWN_CHARACTERS = 64
_COMPLAINTS = {
    "extra_forbidden": "unknown field; `/openapi.json` lists all",
    "finite_number": "not a number in plain decimal notation",
    "missing": "missing or blank",
    "string_type": "a text is expected",
    "string_unicode": "holds characters that can't be printed",
}
"""pydantic's name of an error -> what a client reads."""
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\";,:()]+){2,}[/\\]?|(?<![\w.])/[\w.-]+")


class RequestId:
    """Gives each request an id and each response the headers that all have. `by_proxy`: what stands
    before the service gives each an id too, and puts it on the response; it is this one then,
    unless a client has made it up of more than an id is made of."""

    def __init__(self, app: ASGIApp, by_proxy: bool = False) -> None:
        self._app, self._by_proxy = app, by_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "") if self._by_proxy else ""
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if request_id == given:
                    del headers["X-Request-ID"]
                else:
                    headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, labelled)


def install(app: FastAPI) -> None:
    """Make `app` answer every exception with a problem."""
    app.add_exception_handler(ApiError, _known)
    app.add_exception_handler(SloraError, _known)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _unexpected)


def public(error: SloraError) -> str:
    """What may be shown of a domain error: what and remedy, without file, found and paths."""
    text = _PATH.sub("<path>", error.what.rstrip("."))
    remedy = f". Remedy: {_PATH.sub('<path>', error.remedy)}" if error.remedy else ""
    return f"{text[:1].upper()}{text[1:]}{remedy}."


def public_at(error: SloraError) -> str:
    """The same with the place in a file whose name everybody knows."""
    place = f"{error.key or 'The file'}{f', line {error.line}' if error.line else ''}"
    return f"{place}: {public(error)}"


def complaints_of(error: RequestValidationError) -> dict[str, str]:
    """Field -> what is wrong with it: one complaint per field, the first, in the API's words."""
    return _complaints({**one, "loc": one["loc"][1:]} for one in error.errors())


def complaints_in(error: ValidationError) -> dict[str, str]:
    """The same of fields that didn't come through FastAPI."""
    return _complaints(dict(one) for one in error.errors())


def _complaints(errors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for one in errors:
        path = one["loc"]
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


async def _known(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, SloraError):
        _LOG.error("request %s: %s", getattr(request.state, "request_id", None), error)
    said = problem_of(error)
    return _problem(
        request,
        said.status,
        said.slug,
        said.title,
        said.detail,
        fields=said.fields,
        headers=said.headers,
    )


def problem_of(error: Exception) -> ApiError:
    """What a client is told of an error: the kind of problem, and a sentence that shows nothing of
    the machine."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, GateError):
        return GateRefuses(public(error))
    if isinstance(error, MissingInputError | IntegrityError):
        return NotReady(public(error))
    if isinstance(error, NoRoomError):
        return NoRoom(public(error))
    if isinstance(error, SloraError):
        return ApiError(public(error))
    return ApiError(
        "Something unexpected happened; the server's log has it under the request's or job's id."
    )


def problem_of_job(code: str, detail: str) -> ApiError:
    """The problem that a job has failed with, by its `error.code`; one that is no kind of problem
    is the service's."""
    told = ApiError(detail)
    kind = next((one for one in _kinds(ApiError) if one.slug == code), NotReady)
    told.status, told.slug, told.title = kind.status, kind.slug, kind.title
    return told


def _kinds(of: type[ApiError]) -> Iterator[type[ApiError]]:
    yield of
    for one in of.__subclasses__():
        yield from _kinds(one)


async def answered(request: Request, error: Exception) -> JSONResponse:
    """The response to an error where no route has been reached yet."""
    unforeseen = not isinstance(error, ApiError | SloraError)
    return await (_unexpected if unforeseen else _known)(request, error)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title, headers = HTTPStatus(error.status_code).phrase, dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return _problem(
        request,
        error.status_code,
        "http",
        title,
        f"{request.method}: {title.lower()}.",
        headers=headers,
    )


def _allowed(request: Request) -> list[str]:
    """Methods that the address answers. Starlette names those of its first route alone."""
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return await _known(request, InvalidForm(complaints_of(error)))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("request %s failed", getattr(request.state, "request_id", None), exc_info=error)
    return await _known(request, error)
