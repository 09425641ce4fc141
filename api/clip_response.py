"""A published clip as an answer: whole, or one byte range of it."""

from __future__ import annotations

from fastapi import Request, Response

from api.byte_ranges import clip_answer
from api.service import Service


def clip_response(service: Service, filename: str, request: Request) -> Response:
    """The clip, or the range of it that the request asks for. Raises ArtifactNotFound,
    RangeUnsatisfiable."""
    content, sha256 = service.store.read(filename)
    etag = f'"{sha256}"'
    score = service.store.sidecar(filename).get("temporal_score")
    headline = score.get("temporal_consistency") if isinstance(score, dict) else None
    told = {
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Link": f'</artifacts/{filename}/metadata>; rel="describedby"',
        "X-Temporal-Score": "none" if headline is None else f"{headline:.4f}",
    }
    if _has(request, etag):
        return Response(status_code=304, headers=told)
    told["Content-Disposition"] = f'inline; filename="{filename}"'
    return clip_answer(content, request.method, _range_asked(request, etag), told)


def _has(request: Request, etag: str) -> bool:
    """Whether the client names these bytes among those that it has (RFC 9110, 13.1.2)."""
    named = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    return "*" in named or etag in [one.removeprefix("W/") for one in named]


def _range_asked(request: Request, etag: str) -> str | None:
    """The Range header, where it counts (RFC 9110, 14.2 and 13.1.5): in a GET, and for who names
    a state of the clip only if it is this one. A date is none: the clip has no Last-Modified."""
    if request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    return request.headers.get("range")
