"""How many cores this process and the workers that it starts may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from slora_assets.config.environment import CORES, count

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OF_THIS_PROCESS: Final = Path("/proc/self/cgroup")

_allotted: int | None = None


def cores() -> int:
    """What was allotted, else what SLORA_CORES says, but no more than the system lets this process
    have: the cores that it is bound to, and its container's limit. One machine's containers see all
    of its cores. Raises ConfigError where the variable is no number."""
    if _allotted:
        return _allotted
    said = count(CORES)
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    own = max(1, math.floor(min([float(bound or 1), *_limits()])))
    return min(own, said or own)


def allot(count: int) -> None:
    """Use so many from now on: a cluster counts for others what it gives to this process."""
    global _allotted
    _allotted = count


def _limits() -> Iterator[float]:
    """In cores, of each control group that this process is in (the kernel's
    `Documentation/admin-guide/cgroup-v2.rst`, "cpu.max"; of version 1 `scheduler/sched-bwc.rst`).
    """
    with suppress(OSError):
        for line in _OF_THIS_PROCESS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            root = _CGROUPS / controllers
            # In a container the path may be the host's: there is but the root then.
            for group in [root, *_below(root, path)]:
                with suppress(OSError, ValueError, ZeroDivisionError):
                    yield _limit_of(group)


def _below(root: Path, path: str) -> Iterator[Path]:
    group = root / path.strip("/")
    while group != root:
        yield group
        group = group.parent


def _limit_of(group: Path) -> float:
    """Raises OSError or ValueError where there is none."""
    if (both := group / "cpu.max").exists():
        quota, period = both.read_text().split()
    else:
        quota = (group / "cpu.cfs_quota_us").read_text()
        period = (group / "cpu.cfs_period_us").read_text()
    if (wanted := float(quota)) <= 0:
        raise ValueError("version 1 says -1 for no limit")
    return wanted / float(period)
