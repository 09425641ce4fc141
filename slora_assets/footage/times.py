"""The part of a file that a clip is, in seconds."""

from __future__ import annotations

import math


def times_fault(start_s: float, end_s: float | None) -> str | None:
    """Why no clip can lie between these seconds of a file, if none can."""
    if not 0 <= start_s < math.inf:
        return f"begins at {start_s:g} s of its file"
    if end_s is not None and not start_s < end_s:
        return f"ends at {end_s:g} s of its file, begins at {start_s:g} s"
    return None
