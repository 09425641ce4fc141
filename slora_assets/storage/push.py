"""`slora push`: publish what is here. First all bytes, then a commit that names them."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slora_assets.config.errors import IntegrityError
from slora_assets.config.workspace import Workspace
from slora_assets.documents.storage import StoreCommit, StoredFile, StoredPart
from slora_assets.provenance import file_stamp, sha256_bytes, sha256_file
from slora_assets.storage.commits import (
    append_commit,
    entry_of,
    newest_commit,
    next_commit,
    object_key,
    read_part,
    written,
)
from slora_assets.storage.joining import JOINED_HERE, joined_part
from slora_assets.storage.known import Known
from slora_assets.storage.ledgers import ledger_bytes
from slora_assets.storage.parts import LEDGER, Files, chosen, local_parts
from slora_assets.storage.store import BLOCK, Store, StoreError

_WRITERS: Final = 8
_TRIES: Final = 50
"""Commits of others that one may come after."""


@dataclass
class Pushed:
    """What a push did."""

    commit: int | None = None
    """None: the store had all of it."""
    parts: list[str] = field(default_factory=list)
    """That are others than before."""
    sent: int = 0
    sent_bytes: int = 0
    there: int = 0
    """Files of these parts that the store had."""


def push(
    workspace: Workspace,
    store: Store,
    wanted: Sequence[str] = (),
    *,
    force: bool = False,
    check: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Pushed:
    """Publish the parts that patterns name, or all that are here. Files whose bytes the store has
    are not sent again; with `check` these are read and compared first.

    Raises IntegrityError for a part that somebody else has changed since it was last seen here,
    unless `force` lets this one stand; StoreError, ConfigError.
    """
    done, known = Pushed(), Known(workspace, store.url)
    with tempfile.TemporaryDirectory(prefix="slora_push_") as folder:
        for attempt in range(_TRIES):
            last = newest_commit(store, known.commit)
            files = _files(workspace, wanted, Path(folder))
            parts = {name: known.listed(name, one) for name, one in files.items() if one}
            changed = {
                name: part
                for name, part in parts.items()
                if _is_new(last, part, known, force) or (check and not _differs(last, name, part))
            }
            others = [name for name in changed if _seen_by_others(last, name, known)]
            joined = {} if force else _join(workspace, store, last, others, changed)
            for name in joined.keys() & JOINED_HERE:
                files |= _files(workspace, [name], Path(folder))
                joined[name] = known.listed(name, files[name])
            changed |= joined
            _send(store, last, changed, files, done, check, say)
            entries = {name: entry_of(part) for name, part in changed.items()}
            before = dict(last.parts) if last else {}
            commit = next_commit(
                last, [n for n, e in entries.items() if before.get(n) != e], before | entries
            )
            if not commit.changed or append_commit(store, commit):
                own = {n: e.sha256 for n, e in commit.parts.items() if n in parts}
                known.parts |= own
                number = commit.number if commit.changed else last.number if last else 0
                known.save(number)
                done.commit, done.parts = (number if commit.changed else None), commit.changed
                return done
            time.sleep(random.uniform(0, 0.05 * min(attempt + 1, 20)))
    raise StoreError(
        f"{_TRIES} others were quicker",
        key=store.url,
        remedy="push again when fewer machines do",
    )


def _files(workspace: Workspace, wanted: Sequence[str], folder: Path) -> dict[str, Files]:
    """The files of the wanted parts; the ledger as it was at one moment."""
    known = local_parts(workspace)
    names = chosen(known, wanted)
    return {
        name: _ledger_files(workspace, folder) if name == LEDGER else known[name]()
        for name in names
    }


def _ledger_files(workspace: Workspace, folder: Path) -> Files:
    found: Files = {}
    paths = (workspace.ledger, workspace.ledger.with_name(f"{workspace.ledger.stem}.head.json"))
    for path, content in zip(paths, ledger_bytes(workspace), strict=True):
        if content:
            copy = folder / f"{sha256_bytes(content)[:16]}-{path.name}"
            copy.write_bytes(content)
            found[workspace.relative(path)] = copy
    return found


def _differs(last: StoreCommit | None, name: str, part: StoredPart) -> bool:
    return last is None or last.parts.get(name) != entry_of(part)


def _is_new(last: StoreCommit | None, part: StoredPart, known: Known, force: bool) -> bool:
    """Whether a part was changed here: one that is as it was last seen, while others have pushed
    another, is only old."""
    is_old = known.parts.get(part.part) == entry_of(part).sha256
    there = last is not None and part.part in last.parts
    return _differs(last, part.part, part) and (force or not (is_old and there))


def _seen_by_others(last: StoreCommit | None, name: str, known: Known) -> bool:
    """Whether the store's part is another one than this machine saw last."""
    there = last.parts.get(name) if last else None
    return there is not None and there.sha256 != known.parts.get(name)


def _join(
    workspace: Workspace,
    store: Store,
    last: StoreCommit | None,
    others: Sequence[str],
    changed: Mapping[str, StoredPart],
) -> dict[str, StoredPart]:
    """Parts that both sides have changed, as one. Raises IntegrityError for those that can't be."""
    found, refused = {}, []
    for name in others:
        assert last is not None, "only what stands there is another's"
        theirs = read_part(store, name, last.parts[name])
        part = joined_part(workspace, store, theirs, changed[name])
        if part is None:
            refused.append(name)
        else:
            found[name] = part
    if refused and last is not None:
        raise IntegrityError(
            "the store has another version of what is to be pushed, which was never pulled here",
            key=store.url,
            found=f"{', '.join(refused)} (commit {last.number} of {last.time} by {last.host})",
            expected="the version that this workspace pulled or pushed last",
            remedy=f"`slora pull {refused[0]} --force` to have the store's, or `slora push"
            f" {refused[0]} --force` to let this one stand",
        )
    return found


def _send(
    store: Store,
    last: StoreCommit | None,
    changed: Mapping[str, StoredPart],
    files: Mapping[str, Files],
    done: Pushed,
    check: bool,
    say: Callable[[str], None],
) -> None:
    """Write the bytes that the store lacks, then the lists of the parts."""
    for name, part in changed.items():
        before = last.parts.get(name) if last else None
        there = (
            set(read_part(store, name, before).files.values()) if before and not check else set()
        )
        todo = {
            one.sha256: (files[name][path], one)
            for path, one in part.files.items()
            if one not in there and path in files[name]
        }
        with ThreadPoolExecutor(_WRITERS) as pool:
            sending = [pool.submit(_send_one, store, *one, check) for one in todo.values()]
            try:
                sent = [one.result() for one in sending]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        list_ = written(part)
        key = object_key(sha256_bytes(list_))
        if store.size(key) != len(list_):
            store.write(key, list_)
        new = [
            one.bytes_ for (_, one), was_sent in zip(todo.values(), sent, strict=True) if was_sent
        ]
        done.sent, done.sent_bytes = done.sent + len(new), done.sent_bytes + sum(new)
        done.there += len(part.files) - len(new)
        say(f"{name}: {len(part.files)} files, {len(new)} sent")


def _send_one(store: Store, file: Path, expected: StoredFile, check: bool) -> bool:
    """Whether a file's bytes had to be sent."""
    key = object_key(expected.sha256)
    if store.size(key) == expected.bytes_ and (
        not check or store.hash_of(key, expected.bytes_) == expected.sha256
    ):
        return False
    before = file_stamp(file)
    changed = expected.bytes_ <= BLOCK and sha256_file(file) != expected.sha256
    if not changed:
        store.send(file, key)
    arrived = store.size(key)
    if changed or before != file_stamp(file) or arrived != expected.bytes_:
        if not changed:
            store.remove(key)
        raise IntegrityError(
            "the file changed while it was sent; the store has nothing of it",
            file=file,
            key=store.at(key),
            found=f"{arrived} bytes",
            expected=f"{expected.bytes_} bytes",
            remedy="push again when the stage has ended",
        )
    return True
