"""A published clip as an answer: whole, or one byte range of it."""

from __future__ import annotations

from fastapi import Request, Response

from api.byte_ranges import byte_range
from api.service import Service


def clip_response(service: Service, filename: str, request: Request) -> Response:
    """The clip, or the range of it that the request asks for. Raises ArtifactNotFound,
    RangeUnsatisfiable."""
    content, sha256 = service.store.read(filename)
    etag = f'"{sha256}"'
    asked = byte_range(_range_asked(request, etag), len(content))
    start, end = asked or (0, len(content))
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'inline; filename="{filename}"',
        "Content-Length": str(end - start),
        "ETag": etag,
    }
    if asked is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return Response(
        b"" if request.method == "HEAD" else content[start:end],
        status_code=200 if asked is None else 206,
        headers=headers,
        media_type="video/mp4",
    )


def _range_asked(request: Request, etag: str) -> str | None:
    """The Range header, where it counts (RFC 9110, 14.2 and 13.1.5): in a GET, and for who names
    a state of the clip only if it is this one. A date is none: the clip has no Last-Modified."""
    if request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    return request.headers.get("range")
