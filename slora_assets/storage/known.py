"""What a workspace knows of its store: which version of each part it saw last, and the hashes of
files that have not changed since. Without it all is read and compared again, nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from slora_assets.config.workspace import Workspace
from slora_assets.documents.storage import StoredFile, StoredPart
from slora_assets.provenance import StatCache, sha256_file, write_json
from slora_assets.storage.parts import Files

_WORKERS: Final = 4


class Known:
    """Of one store."""

    def __init__(self, workspace: Workspace, url: str) -> None:
        self._root, self._url = workspace.root, url
        self._file = workspace.root / "data" / ".store.json"
        self.commit = 0
        self.parts: dict[str, str] = {}
        """By part the hash of its list of files."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = orjson.loads(self._file.read_bytes())[url]
            self.commit, self.parts = int(found["commit"]), dict(found["parts"])
        self._hashes: StatCache[str] = StatCache(
            workspace.root / "data" / ".store_stat_cache.json", forget=False
        )

    def listed(self, part: str, files: Files) -> StoredPart:
        """The files of a part with their hashes."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            found = zip(files, pool.map(self.stored, files.values()), strict=True)
            return StoredPart(part=part, files=dict(sorted(found)))

    def stored(self, file: Path) -> StoredFile:
        """A file's hash, read anew only if it has changed since. Raises OSError."""
        if not file.is_relative_to(self._root):  # a copy that is gone soon
            return StoredFile(sha256=sha256_file(file), bytes_=file.stat().st_size)
        sha256 = self._hashes.get(file, str(file))
        if sha256 is None:
            sha256 = sha256_file(file)
            self._hashes.put(file, str(file), sha256)
        return StoredFile(sha256=sha256, bytes_=file.stat().st_size)

    def is_here(self, file: Path, expected: StoredFile) -> bool:
        """Whether a file has these bytes."""
        try:
            return file.stat().st_size == expected.bytes_ and self.stored(file) == expected
        except OSError:
            return False

    def save(self, commit: int) -> None:
        """Write it down, for the next time."""
        self.commit = commit
        self._hashes.save()
        write_json(self._file, {self._url: {"commit": self.commit, "parts": self.parts}})
