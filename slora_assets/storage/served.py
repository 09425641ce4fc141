"""What the service has of a store: promoted adapters that aren't here, and the clips that it
published, each with a mark of its own, `artifacts/<id>/commit.json`, written last."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents.storage import StoredFile, StoredPart
from slora_assets.provenance import sha256_file
from slora_assets.storage.commits import newest_commit, written
from slora_assets.storage.opening import store_from_environment, store_url
from slora_assets.storage.pull import pull
from slora_assets.storage.push import push
from slora_assets.storage.store import NotStoredError, Store

_MARK: Final = "commit.json"
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{32}")


def fetch_adapter(workspace: Workspace, sha256: str) -> None:
    """Have a registered adapter from the store; nothing where none is named or it has none such.
    Raises StoreError, IntegrityError."""
    if store_url() is None:
        return
    store, part = store_from_environment(), f"registry/{sha256}"
    commit = newest_commit(store)
    if commit is not None and part in commit.parts:
        pull(workspace, store, [part])


class StoredClips:
    """The published clips of a store."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace, self._store, self._sending = workspace, store, threading.Lock()

    @classmethod
    def from_environment(cls, workspace: Workspace) -> StoredClips | None:
        """Those of the store that the environment names; None where it names none."""
        return None if store_url() is None else cls(workspace, store_from_environment())

    def send_all(self) -> int:
        """Publish the clips that the store has not yet, and the ledger that has them on record;
        returns how many. Raises StoreError, IntegrityError."""
        folder = self._workspace.artifacts
        with self._sending:
            new = [
                sidecar.stem
                for sidecar in sorted(folder.glob("[0-9a-f]*.json"))
                if sidecar.with_suffix(".mp4").is_file() and not self._sent(sidecar.stem).exists()
            ]
            for identifier in new:
                self._send(identifier)
            if new and self._workspace.ledger.is_file():
                push(self._workspace, self._store, ["ledger"])
        return len(new)

    def fetch_all(self) -> int:
        """Have all clips that aren't here; returns how many. Raises StoreError, IntegrityError."""
        there = (name.partition("/") for name in self._store.below("artifacts"))
        marked = [
            identifier
            for identifier, _, name in there
            if name == _MARK and _IDENTIFIER.fullmatch(identifier)
        ]
        lacking = [one for one in marked if not all(map(Path.is_file, self._paths(one)))]
        return sum(map(self.fetch, lacking))

    def fetch(self, identifier: str) -> bool:
        """Have a clip here, with what is written beside it; whether the store has it. Raises
        StoreError, IntegrityError."""
        try:
            mark = StoredPart.model_validate_json(self._store.read(self._mark(identifier)))
        except NotStoredError:
            return False
        except ValidationError as error:
            raise self._no_mark(identifier) from error
        paths = self._paths(identifier)
        names = {self._workspace.relative(path): path for path in paths}
        if not {self._workspace.relative(one) for one in paths[:2]} <= mark.files.keys():
            raise self._no_mark(identifier)
        for name, path in reversed(names.items()):  # its sidecar, which says that it is there, last
            expected = mark.files.get(name)
            if expected is not None and not path.is_file():
                self._store.fetch(self._at(identifier, expected), expected, path)
        self._sent(identifier).touch()
        return True

    def erase(self, identifier: str) -> None:
        """Delete a clip from the store, its mark first. Raises StoreError."""
        self._sent(identifier).unlink(missing_ok=True)
        try:
            mark = StoredPart.model_validate_json(self._store.read(self._mark(identifier)))
        except (NotStoredError, ValidationError):
            return
        self._store.remove(self._mark(identifier))
        for one in mark.files.values():
            self._store.remove(self._at(identifier, one))

    def _send(self, identifier: str) -> None:
        files = {}
        for path in self._paths(identifier):
            with suppress(FileNotFoundError):  # clips of older versions are in no register
                found = StoredFile(sha256=sha256_file(path), bytes_=path.stat().st_size)
                key = self._at(identifier, found)
                if self._store.size(key) != found.bytes_:
                    self._store.send(path, key)
                files[self._workspace.relative(path)] = found
        mark = StoredPart(part=f"artifacts/{identifier}", files=files)
        self._store.write(self._mark(identifier), written(mark))
        self._sent(identifier).touch()

    def _paths(self, identifier: str) -> tuple[Path, Path, Path]:
        inside, name = self._workspace, f"{identifier}.json"
        clip = inside.artifacts / f"{identifier}.mp4"
        return clip.with_suffix(".json"), clip, inside.register / name

    def _sent(self, identifier: str) -> Path:
        """Notes that the store has the clip."""
        return self._workspace.artifacts / f".{identifier}.stored"

    def _mark(self, identifier: str) -> str:
        return f"artifacts/{identifier}/{_MARK}"

    def _at(self, identifier: str, file: StoredFile) -> str:
        return f"artifacts/{identifier}/{file.sha256}"

    def _no_mark(self, identifier: str) -> IntegrityError:
        return IntegrityError(
            "the object is not the mark of a published clip",
            key=self._store.at(self._mark(identifier)),
            remedy="send the clip anew from where it was made",
        )
