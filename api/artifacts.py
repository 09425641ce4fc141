"""GET and HEAD /artifacts/{filename}: published clips, whole or one byte range of them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.byte_ranges import byte_range
from api.service import service_of

router = APIRouter(tags=["artifacts"])


@router.head("/artifacts/{filename}", include_in_schema=False)
@router.get(
    "/artifacts/{filename}",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The clip."},
        206: {"content": {"video/mp4": {}}, "description": "The asked range of the clip."},
        404: {"description": "No such artifact."},
        416: {"description": "The range lies outside the clip."},
    },
)
def artifact(filename: str, request: Request) -> Response:
    """A published clip as MP4."""
    content, sha256 = service_of(request).store.read(filename)
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
