"""`slora pull`: have here what a commit names, each file compared with its hash before it has its
name."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import RUN_RECORD
from slora_assets.documents.storage import PartEntry, StoreCommit, StoredFile, StoredPart
from slora_assets.provenance import commit_folder
from slora_assets.storage.commits import newest_commit, object_key, read_part
from slora_assets.storage.joining import JOINED_HERE, take_ledger, take_quarantine
from slora_assets.storage.known import Known
from slora_assets.storage.parts import LEDGER, PRESETS, chosen, place
from slora_assets.storage.store import NotStoredError, Store

_READERS: Final = 8
_PROMOTED: Final = b"sha256: "


@dataclass
class Pulled:
    """What a pull did."""

    commit: int
    fetched: int = 0
    fetched_bytes: int = 0
    kept: int = 0
    """Files that were here already."""
    removed: int = 0
    """Files that the store's parts have no longer."""
    parts: list[str] = field(default_factory=list)


def pull(
    workspace: Workspace,
    store: Store,
    wanted: Sequence[str] = (),
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Have the parts that patterns name, or all, as the newest commit has them.

    Raises NotStoredError for an empty store, ConfigError for a part that it hasn't, IntegrityError
    for bytes that aren't what the commit says, and, before anything is fetched, for a file here
    that was changed since it was last pushed or pulled (unless `force`); StoreError.
    """
    known = Known(workspace, store.url)
    commit = newest_commit(store, known.commit)
    if commit is None:
        raise NotStoredError(
            "nothing was pushed to the store yet",
            key=store.url,
            remedy="run `slora push` where the files are",
        )
    names = chosen(commit.parts, wanted)
    parts = {name: read_part(store, name, commit.parts[name]) for name in names}
    done = Pulled(commit.number, parts=names)
    plans = [
        _Plan(workspace, store, known, part, commit.parts[name])
        for name, part in parts.items()
        if name not in JOINED_HERE
    ]
    if not force:
        _refuse_changed(store, plans, commit)
    for plan in plans:
        plan.carry_out(done)
        say(f"{plan.part.part}: {len(plan.part.files)} files, {len(plan.lacking)} fetched")
    for name in sorted(parts.keys() & JOINED_HERE):
        take = take_ledger if name == LEDGER else take_quarantine
        take(workspace, store, parts[name])
        known.parts[name] = commit.parts[name].sha256
        say(f"{name}: {len(parts[name].files)} files")
    known.save(commit.number)
    return done


class _Plan:
    """What has to be done for one part."""

    def __init__(
        self, workspace: Workspace, store: Store, known: Known, part: StoredPart, entry: PartEntry
    ) -> None:
        self._store, self._known, self._entry = store, known, entry
        self.part = part
        self.paths = {name: place(workspace, name, part.part) for name in part.files}
        here = {
            name: known.is_here(self.paths[name], expected) for name, expected in part.files.items()
        }
        self.lacking = [name for name, is_here in here.items() if not is_here]
        self._before = self._last_seen()
        gone = {
            name: place(workspace, name, part.part)
            for name in self._before
            if name not in part.files
        }
        self._gone = {n: p for n, p in gone.items() if known.is_here(p, self._before[n])}
        self._registered = (
            workspace.registry / part.part.removeprefix("registry/")
            if part.part.startswith("registry/")
            else None
        )

    def _last_seen(self) -> Mapping[str, StoredFile]:
        """The part's files as this workspace saw them last."""
        last = self._known.parts.get(self.part.part)
        if last is None or last == self._entry.sha256:
            return self.part.files if last else {}
        try:
            content = self._store.read(object_key(last))
            return StoredPart.model_validate_json(content).files
        except (NotStoredError, ValueError):
            return {}

    def changed_here(self) -> list[Path]:
        """Files that would be written over, and are not what was last pushed or pulled."""
        return [
            self.paths[name]
            for name in self.lacking
            if self.paths[name].exists()
            and not (
                name in self._before and self._known.is_here(self.paths[name], self._before[name])
            )
            and not (self.part.part == PRESETS and _promotes_nothing(self.paths[name]))
        ]

    def carry_out(self, done: Pulled) -> None:
        """Fetch what is lacking, records after what they speak of; then delete what the store has
        no longer."""
        folder = self._registered
        if folder is not None and not folder.exists():
            self._commit_whole(folder)
        else:
            for names in _in_order(self.lacking):
                self._fetch({name: self.paths[name] for name in names})
        for path in self._gone.values():
            path.unlink(missing_ok=True)
        sizes = [self.part.files[name].bytes_ for name in self.lacking]
        done.fetched, done.fetched_bytes = (
            done.fetched + len(sizes),
            done.fetched_bytes + sum(sizes),
        )
        done.kept += len(self.part.files) - len(sizes)
        done.removed += len(self._gone)
        self._known.parts[self.part.part] = self._entry.sha256

    def _commit_whole(self, folder: Path) -> None:
        """An adapter is registered with all that is in its folder, or not."""
        partial = folder.with_name(f".{folder.name[:16]}.{uuid.uuid4().hex[:8]}.partial")
        try:
            self._fetch({n: partial / self.paths[n].relative_to(folder) for n in self.part.files})
            commit_folder(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _fetch(self, paths: Mapping[str, Path]) -> None:
        def one(name: str) -> None:
            expected = self.part.files[name]
            self._store.fetch(object_key(expected.sha256), expected, paths[name])

        with ThreadPoolExecutor(_READERS) as pool:
            running = [pool.submit(one, name) for name in paths]
            try:
                for future in running:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _in_order(names: Iterable[str]) -> list[list[str]]:
    """Arrays and clips, then documents, then the record that a run is known to be whole by."""
    ordered: list[list[str]] = [[], [], []]
    for name in names:
        is_record = Path(name).name == RUN_RECORD
        ordered[2 if is_record else 1 if name.endswith((".json", ".jsonl")) else 0].append(name)
    return ordered


def _promotes_nothing(presets: Path) -> bool:
    """Whether presets are as a checkout has them: what was promoted elsewhere may come instead."""
    return not any(
        len(line.split(b"sha256:")[-1].strip()) == 64
        for line in presets.read_bytes().splitlines()
        if _PROMOTED in line
    )


def _refuse_changed(store: Store, plans: Sequence[_Plan], commit: StoreCommit) -> None:
    changed = {plan.part.part: found for plan in plans if (found := plan.changed_here())}
    if changed:
        name, files = next(iter(changed.items()))
        raise IntegrityError(
            "a file was changed here since it was last pushed or pulled, and the store has another"
            f" version of it (commit {commit.number} of {commit.time} by {commit.host})",
            file=files[0],
            key=name,
            found=f"{sum(map(len, changed.values()))} such files in {', '.join(changed)}",
            expected="files that the store's may take the place of",
            remedy=f"`slora push {name}` to publish this one, or `slora pull {name} --force`;"
            " nothing was fetched",
        )
