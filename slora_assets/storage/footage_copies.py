"""Copies of footage that lies at a URL: which are here, who has them at hand, and what makes room.

What was used longest ago goes first, by the copies' times of access, which are set here; what
somebody has at hand stays.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from slora_assets.config.environment import FOOTAGE_CACHE, gibibytes
from slora_assets.provenance.files import PARTIAL

FOLDER: Final = "at_url"
"""Of copies, in a dataset's own folder."""
_KEPT_OF_FULL: Final = 0.9
"""Share of the limit that is left standing when room is made: not every fetch looks for some."""
_SHARE_UNSEEN: Final = 0.25
"""Share of the free room that one process fills before it looks again what others have taken."""
_STALE_S: Final = 3600.0
"""Nobody takes so long for a file between two writes: a fetch that was killed left it."""


class Stat(NamedTuple):
    """Of an object, as `os.stat` has them of its copy."""

    st_size: int
    st_mtime_ns: int
    """Its version."""


def is_at_url(path: Path) -> bool:
    """Whether a file lies at a URL, and here is at most a copy of it."""
    return path.parent.name == FOLDER and source_file(path.parent).is_file()


def source_file(folder: Path) -> Path:
    """The document that names the URL of a folder of copies."""
    return folder.with_name(f"{FOLDER}.json")


def held(path: Path) -> BinaryIO | None:
    """The copy, opened and locked against whoever makes room; None where there is none.

    By `flock`, which the system undoes for whoever is killed; filelock has no lock that several
    share.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(stream, fcntl.LOCK_SH)
    mine = os.fstat(stream.fileno())
    try:
        if os.path.samestat(mine, path.stat()):
            with suppress(PermissionError):  # another user's: it may make room sooner
                # Whatever the file system notes of reads: here it decides what makes room.
                os.utime(path, ns=(time.time_ns(), mine.st_mtime_ns))
            return stream
    except FileNotFoundError:
        pass
    stream.close()  # it made room between the two
    return None


class Room:
    """What one process fetches into a folder of copies, within its limit."""

    def __init__(self, folder: Path, limit: float) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._coming: dict[Path, int] = {}
        """Sizes of what is being fetched."""
        self._unseen = 0.0
        """Bytes that may be fetched until somebody looks again."""
        self._over = False

    @contextmanager
    def for_(self, path: Path, bytes_: int) -> Iterator[None]:
        """Erase what was used longest ago until a file of this size is within the limit, beside
        what others have at hand; the body fetches it."""
        with self._lock:
            self._coming[path] = bytes_
            self._unseen -= bytes_
            if self._unseen < 0:
                self._look()
        try:
            yield
        finally:
            with self._lock:
                self._coming.pop(path, None)

    def settle(self) -> None:
        """Keep to the limit now that a file is let go of, where that couldn't be done before."""
        if self._over:
            with self._lock:
                self._look()

    def _look(self) -> None:
        limit = self._limit
        _erase_stale(self._folder)
        here = copies_in(self._folder)
        found = sorted((stat.st_atime_ns, stat.st_size, path) for path, stat in here)
        total = sum(self._coming.values()) + sum(size for _, size, _ in found)
        most = limit if total <= limit else limit * _KEPT_OF_FULL
        for _, size, path in found:
            if total <= most:
                break
            if _erased(path):
                total -= size
        self._over = total > limit
        self._unseen = max(0.0, limit - total) * _SHARE_UNSEEN


def room_in(folder: Path) -> Room:
    """That of a folder, within the limit of the environment. Raises ConfigError."""
    return _room_within(folder, gibibytes(FOOTAGE_CACHE, 20.0))


@lru_cache(maxsize=16)
def _room_within(folder: Path, limit: float) -> Room:
    return Room(folder, limit)


def _erased(path: Path) -> bool:
    """Whether a copy is gone: not if somebody has it at hand, or it isn't ours to erase."""
    try:
        with path.open("rb+") as stream:  # NFS gives such a lock to none who only reads
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except (BlockingIOError, PermissionError):
        return False
    return True


def erase_copy(path: Path) -> None:
    """Erase a copy, whoever has it at hand."""
    path.unlink(missing_ok=True)


def _erase_stale(folder: Path) -> None:
    with _scanned(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and PARTIAL in entry.name:
                with suppress(FileNotFoundError):
                    # The time of its last change: the other one stands for a version.
                    if time.time() - entry.stat().st_ctime > _STALE_S:
                        Path(entry.path).unlink()


def copies_in(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """What is here, but what is being fetched."""
    found = []
    with _scanned(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # it has made room meanwhile
                if not entry.name.startswith(".") and entry.is_file():
                    found.append((Path(entry.path), entry.stat()))
    return found


@contextmanager
def _scanned(folder: Path) -> Iterator[Iterable[os.DirEntry[str]]]:
    """What stands in the folder; nothing where nothing was fetched yet."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        yield ()
        return
    with entries:
        yield entries
