"""Footage that lies at a URL: what is there, and copies of it here, as many as there is room for.

A file at the URL has a place in the workspace, `data/raw/<dataset>/at_url/<name>`, which records
name. Whoever opens it has it `at_hand` for as long as that takes; what was used longest ago makes
room for what is fetched. fsspec's own caches know no limit.

The URL is only read. A copy's modification time is no time: it stands for the version of the object
that the copy was made of, so that whoever remembers files by size and time remembers versions.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.documents.storage import FootageUrl, StoredFile
from slora_assets.provenance.files import replacing, write_json
from slora_assets.provenance.hashing import sha256_bytes, sha256_file
from slora_assets.provenance.records import read_document
from slora_assets.storage.footage_copies import copies_in, erase_copy, held, room_in
from slora_assets.storage.opening import open_store
from slora_assets.storage.store import NotStoredError, Store

Wanted = TypeVar("Wanted")

FOLDER: Final = "at_url"
_READERS: Final = 8
_VERSIONS: Final = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
"""What file systems of fsspec call that which changes with an object's bytes; the first counts."""
_LONGEST_NAME: Final = 200


class Stat(NamedTuple):
    """Of an object, as `os.stat` has them of its copy."""

    st_size: int
    st_mtime_ns: int
    """Its version."""


def is_url(footage: str) -> bool:
    """Whether a dataset's `footage` is no folder."""
    return "://" in footage


def is_at_url(path: Path) -> bool:
    """Whether a file lies at a URL, and here is at most a copy of it."""
    return path.parent.name == FOLDER and source_file(path.parent).is_file()


def source_file(folder: Path) -> Path:
    """The document that names the URL of a folder of copies."""
    return folder.with_name(f"{FOLDER}.json")


def url_of(path: Path) -> str:
    """Where the original of a copy lies."""
    return _store(path.parent).at(path.name)


def listed(url: str) -> dict[str, Stat]:
    """The objects that lie directly at a URL, by name. Raises ConfigError, StoreError;
    IntegrityError for a name that no file can have."""
    store = open_store(url, named="footage")
    found = {name: _stat(store, about) for name, about in store.directly_at().items()}
    bad = [name for name in found if len(os.fsencode(name)) > _LONGEST_NAME or "\0" in name]
    if bad:
        raise IntegrityError(
            "an object's name is none that a file can have",
            key=store.at(bad[0]),
            found=f"{len(bad)} such names",
            expected=f"at most {_LONGEST_NAME} bytes, and no NUL",
            remedy="give it another name",
        )
    return found


def begin_copies(folder: Path, url: str, objects: Mapping[str, Stat]) -> None:
    """Let `folder` be the one of copies of what was listed at the URL: others go, be they of
    another URL, of another version, or of nothing any more. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(source_file(folder), FootageUrl(url=url).model_dump(mode="json"))
    for path, stat in copies_in(folder):
        if objects.get(path.name) != Stat(stat.st_size, stat.st_mtime_ns):
            erase_copy(path)


@contextmanager
def at_hand(path: Path, sha256: str | None = None) -> Iterator[None]:
    """Have a file here while the body runs: fetched if need be, and not erased meanwhile. Nothing
    is done for a file that lies at no URL.

    Raises StoreError; FootageError (`missing`) for an object that is gone; IntegrityError for one
    whose bytes aren't those of `sha256`, or change while they are read: then nothing is kept.
    """
    if not is_at_url(path):
        yield
        return
    copy = held(path)
    if copy is not None and sha256 not in (None, sha256_file(path)):
        copy.close()  # the version that the inventory was taken of may lie there again
        erase_copy(path)
        copy = None
    while copy is None:
        _fetch(path, sha256)
        copy = held(path)
    try:
        with copy:
            yield
    finally:
        room_in(path.parent).settle()


def held_ahead(
    wanted: Iterable[Wanted], file_of: Callable[[Wanted], tuple[Path, str | None]], ahead: int
) -> Generator[tuple[Wanted, ExitStack | FootageError]]:
    """Each of what is wanted once its file is at hand, in order, while the next are fetched.

    Whoever takes one closes what comes with it, which lets go of the file. What `at_hand` raises of
    a file is raised here, but for FootageError, which stands in its place. Where nothing lies at a
    URL, each is handed on as it comes.
    """
    coming: deque[tuple[Wanted, Future[ExitStack] | None]] = deque()

    def next_one() -> tuple[Wanted, ExitStack | FootageError]:
        one, future = coming.popleft()
        try:
            return one, future.result() if future else ExitStack()
        except FootageError as error:
            return one, error

    with ExitStack() as stack:
        pool: ThreadPoolExecutor | None = None
        stack.callback(_let_go, coming)
        for one in wanted:
            file, sha256 = file_of(one)
            if is_at_url(file):
                pool = pool or stack.enter_context(ThreadPoolExecutor(_READERS))
                coming.append((one, pool.submit(_taken, file, sha256)))
            else:
                coming.append((one, None))
            if pool is None or len(coming) > ahead:
                yield next_one()
        while coming:
            yield next_one()


def _taken(file: Path, sha256: str | None) -> ExitStack:
    held = ExitStack()
    held.enter_context(at_hand(file, sha256))
    return held


def _let_go(coming: Iterable[tuple[object, Future[ExitStack] | None]]) -> None:
    """Of what nobody has taken."""
    for _, future in coming:
        if future is not None and not future.cancel():
            with suppress(Exception):  # nobody wants the file any more, nor what is wrong with it
                future.result().close()


def _store(folder: Path) -> Store:
    what = "the note of where footage lies"
    source = read_document(source_file(folder), FootageUrl, what=what, remedy="run `make data`")
    return open_store(source.url, named="footage")


def _stat(store: Store, about: Mapping[str, object]) -> Stat:
    version = next((str(about[key]) for key in _VERSIONS if about.get(key)), "")
    digest = int(sha256_bytes(f"{store.url}\0{version}".encode())[:15], 16)
    return Stat(int(str(about["size"])), digest // 1000 * 1000)  # some file systems count in µs


def _fetch(path: Path, sha256: str | None) -> None:
    store, name = _store(path.parent), path.name
    try:
        before = _stat(store, store.about(name))
        with room_in(path.parent).for_(path, before.st_size), replacing(path) as temporary:
            found = store.copy(name, before.st_size, temporary)
            if sha256 is not None:
                store.compare(name, found, StoredFile(sha256=sha256, bytes_=before.st_size))
            elif _stat(store, store.about(name)) != before:
                raise IntegrityError(
                    "the footage changed while it was read; nothing of it was kept",
                    key=store.at(name),
                    remedy="run the same command again, once nobody writes it",
                )
            os.utime(temporary, ns=(time.time_ns(), before.st_mtime_ns))
    except NotStoredError as error:
        what = f"there is no {store.at(name)} any more"
        raise FootageError("missing", what, file=path) from error
