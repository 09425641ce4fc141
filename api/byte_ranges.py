"""Range headers (RFC 9110), which players send: one range of a clip's bytes."""

from __future__ import annotations

import re

from api.errors import RangeUnsatisfiable

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


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
