"""Files' hashes as they are now: read again, or believed where size, time and inode are equal."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypedDict

from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.provenance import StatCache, sha256_file
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.storage.footage_copies import is_at_url

_FILE: Final = ".verify_stat_cache.json"


class _Known(TypedDict):
    sha256: str
    inode: int


class Hashes:
    """SHA-256 by file; with `full` every file is read, whatever was known."""

    def __init__(self, workspace: Workspace, full: bool) -> None:
        self._workspace, self._full = workspace, full
        self._cache: StatCache[_Known] = StatCache(workspace.metadata / _FILE, forget=False)
        self._now: dict[Path, str | None] = {}

    def not_looked_at(self, file: Path) -> bool:
        """Whether the file lies at a URL, and only a `full` look would fetch it."""
        return not self._full and is_at_url(file) and not file.is_file()

    def of(self, file: Path) -> str | None:
        """The file's hash; None where there is no file that can be read. Raises StoreError for a
        URL that doesn't answer."""
        if file not in self._now:
            self._now[file] = self._found(file)
        return self._now[file]

    def save(self) -> None:
        """Keep what was read, so that the next look is quick."""
        if self._workspace.metadata.is_dir():
            self._cache.save()

    def _found(self, file: Path) -> str | None:
        try:
            with at_hand(file):
                return self._read(file)
        except (OSError, FootageError):
            return None

    def _read(self, file: Path) -> str:
        stat = file.stat()
        key = self._workspace.relative(file)
        known = None if self._full else self._cache.get(file, key, stat)
        if known is not None and known["inode"] == stat.st_ino:
            return known["sha256"]
        sha256 = sha256_file(file)
        self._cache.put(file, key, _Known(sha256=sha256, inode=stat.st_ino))
        return sha256
