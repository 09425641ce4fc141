"""Links of records: each against the ledger, with its files and its parents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_RECORD, LoggedRecord
from slora_assets.governance.verification.contents import Contents
from slora_assets.governance.verification.hashes import Hashes
from slora_assets.governance.verification.link import Link, of_nobody
from slora_assets.governance.verification.marks import taken_away
from slora_assets.governance.verification.signers import of_record
from slora_assets.provenance.ledger import all_records

_SHOWN: Final = 20
"""Broken files of one record that are named one by one."""


class Records:
    """The ledger's records, each looked at once. Raises IntegrityError for a broken ledger."""

    def __init__(self, workspace: Workspace, hashes: Hashes, far: bool = True) -> None:
        """`far`: parents are looked at like the record itself, and theirs; else by their bytes."""
        self._workspace, self._hashes, self._far = workspace, hashes, far
        self._contents = Contents(workspace, hashes)
        self._history: dict[str, list[LoggedRecord]] = defaultdict(list)
        for entry in all_records(workspace):
            self._history[entry.path].append(entry)
        self._links: dict[str, Link] = {}

    def paths(self) -> list[str]:
        """Of all records."""
        return list(self._history)

    def hashes_of(self, path: str) -> set[str | None]:
        """All that a record's bytes were, by the ledger."""
        return {entry.sha256 for entry in self._history.get(path, ())}

    def holding(self, file: Path) -> str | None:
        """The record that `file` was written with."""
        for path, entries in self._history.items():
            folder = self._workspace.absolute(path).parent
            inside = file.is_relative_to(folder)
            if inside and file.relative_to(folder).as_posix() in entries[-1].files:
                return path
        return None

    def written_with(self, file: Path, sha256: str) -> Link:
        """The record that `file` was written with when it had the hash."""
        for path, entries in self._history.items():
            folder = self._workspace.absolute(path).parent
            if not file.is_relative_to(folder):
                continue
            name = file.relative_to(folder).as_posix()
            if sha256 in {entry.files.get(name) for entry in entries}:
                last = entries[-1]
                if last.files.get(name) == sha256:
                    return self.link(path)
                return _later(last) if last.sha256 is not None else _erased(last)
        where = self._workspace.relative(file)
        return Link("file", where, "broken", f"no stage put it on record with {sha256[:16]}")

    def registered(self, sha256: str) -> Link:
        """The record of an adapter in the registry."""
        record = self._workspace.registry / sha256 / ADAPTER_RECORD
        return self.link(self._workspace.relative(record))

    def link(self, path: str) -> Link:
        """A record, its files, its content and its parents."""
        if path not in self._links:
            entries = self._history.get(path)
            if not entries:
                return of_nobody(path)
            link = self._links[path] = Link(entries[-1].kind, path)
            self._look(link, entries)
        return self._links[path]

    def _look(self, link: Link, entries: list[LoggedRecord]) -> None:
        last, file = entries[-1], self._workspace.absolute(link.path)
        found = self._hashes.of(file)
        if last.sha256 is None:
            there = found is not None
            link.state = "broken" if there else "erased"
            link.says = "it was erased on purpose, and is there again" if there else "on purpose"
            return
        if found is None and last.kind == "video" and taken_away(self._workspace, file):
            link.state, link.says = "erased", "with its clip; the register's entry stays"
        elif found != last.sha256:
            link.state, link.says = "broken", _what_happened(found, entries)
        link.parents += of_record(self._workspace, last)
        link.parents += self._files(file.parent, last.files)
        link.parents += [self._parent(file, *one) for one in last.parents.items()]
        if link.state != "holds":
            return
        try:
            link.says, more = self._contents.of(last.kind, file)
        except SloraError as error:
            link.state, link.says = "broken", str(error)
        else:
            link.parents = more + link.parents

    def _files(self, folder: Path, files: Mapping[str, str]) -> Iterable[Link]:
        """The files written with a record: one link for those that hold, one for each that
        doesn't."""
        wrong = []
        for name, sha256 in files.items():
            found = self._hashes.of(folder / name)
            if found != sha256:
                path = self._workspace.relative(folder / name)
                wrong.append(Link("file", path, "broken", _differs(found, sha256)))
        if files:
            where = self._workspace.relative(folder)
            right = f"{len(files) - len(wrong)} of {len(files)} with the bytes that were written"
            yield Link("files", where, says=right)
        yield from wrong[:_SHOWN]
        if len(wrong) > _SHOWN:
            yield Link("files", where, "broken", f"{len(wrong) - _SHOWN} more are not so")

    def _parent(self, child: Path, path: str, sha256: str) -> Link:
        entries = self._history.get(path)
        if entries and entries[-1].sha256 == sha256:
            return self.link(path) if self._far else self._near(path, entries)
        kept = child.parent / Path(path).name  # the registry keeps what it was made from
        if kept != child and self._hashes.of(kept) == sha256:
            return Link("copy", self._workspace.relative(kept), says=f"of {path} as it was then")
        if entries and entries[-1].sha256 is None:
            return _erased(entries[-1])
        if entries and sha256 in self.hashes_of(path):
            return _later(entries[-1])
        return Link("file", path, "broken", "it was never on record as it is said to have been")

    def _near(self, path: str, entries: list[LoggedRecord]) -> Link:
        """A parent by its bytes alone."""
        found = self._hashes.of(self._workspace.absolute(path))
        if found == entries[-1].sha256:
            return Link(entries[-1].kind, path)
        return Link(entries[-1].kind, path, "broken", _what_happened(found, entries))


def _erased(last: LoggedRecord) -> Link:
    return Link(last.kind, last.path, "erased", "on purpose, after this was made from it")


def _later(last: LoggedRecord) -> Link:
    return Link(last.kind, last.path, "replaced", "by a later one")


def _what_happened(found: str | None, entries: list[LoggedRecord]) -> str:
    if found is None:
        return "the file is gone"
    if found in {entry.sha256 for entry in entries}:
        return "an older version of it was put back"
    return "it was changed after its stage wrote it"


def _differs(found: str | None, expected: str) -> str:
    if found is None:
        return "the file is gone"
    return f"it has the SHA-256 {found[:16]} instead of {expected[:16]}: it was changed since"
