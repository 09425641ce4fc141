"""How many cores this process and the workers that it starts may use."""

from __future__ import annotations

import os

_allotted: int | None = None


def cores() -> int:
    """What was allotted, else all that the machine has."""
    return _allotted or os.cpu_count() or 1


def allot(count: int) -> None:
    """Use so many from now on: a cluster counts for others what it gives to this process."""
    global _allotted
    _allotted = count
