"""Range headers (RFC 9110), which players send: one range of a clip's bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

from api.errors import RangeUnsatisfiable

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def clip_answer(
    content: bytes, method: str, asked: str | None, headers: Mapping[str, str]
) -> Response:
    """The clip, whole or the range that a Range header asks for, or to HEAD its headers. Raises
    RangeUnsatisfiable."""
    part = byte_range(asked, len(content))
    start, end = part or (0, len(content))
    told = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    if part is not None:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return Response(
        b"" if method == "HEAD" else content[start:end],
        status_code=200 if part is None else 206,
        headers=told,
        media_type="video/mp4",
    )


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range that a Range header asks for; None means everything.

    Several ranges at once and other units are answered with everything, as RFC 9110 allows. Raises
    RangeUnsatisfiable.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < int(first):
            return None
    else:
        start, end = max(0, size - int(last)), size
    if start >= end:
        raise RangeUnsatisfiable(
            f"The clip has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, end
