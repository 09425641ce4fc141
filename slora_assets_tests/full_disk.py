"""A disk without room, for a test that writes."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def full_disk(bytes_: int = 1000) -> Iterator[None]:
    """A limit on the size of files refuses a write as a full disk does: without naming the file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_below(folder: str) -> Iterator[None]:
    """Only there; found out as file systems do that look for room late."""
    sync = os.fsync

    def refused(descriptor: int) -> None:
        if f"/{folder}/" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        yield
