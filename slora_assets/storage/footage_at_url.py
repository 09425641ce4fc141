"""Footage that lies at a URL: what is there, and copies of it here, as many as there is room for.

A file at the URL has a place in the workspace, `data/raw/<dataset>/at_url/<name>`, which records
name. Whoever opens it has it `at_hand` for as long as that takes; what was used longest ago makes
room for what is fetched. fsspec's own caches know no limit.

The URL is only read. A copy's modification time is no time: it stands for the version of the object
that the copy was made of, so that whoever remembers files by size and time remembers versions.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar

from slora_assets.config.environment import FOOTAGE_CACHE, gibibytes
from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.documents.storage import FootageUrl, StoredFile
from slora_assets.provenance.files import PARTIAL, replacing, write_json
from slora_assets.provenance.hashing import sha256_bytes, sha256_file
from slora_assets.provenance.records import read_document
from slora_assets.storage.store import NotStoredError, Store, open_store

Wanted = TypeVar("Wanted")

FOLDER: Final = "at_url"
_READERS: Final = 8
_KEPT_OF_FULL: Final = 0.9
"""Share of the limit that is left standing when room is made: not every fetch looks for some."""
_SHARE_UNSEEN: Final = 0.25
"""Share of the free room that one process fills before it looks again what others have taken."""
_STALE_S: Final = 3600.0
"""Nobody takes so long for a file between two writes: a fetch that was killed left it."""
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
    for entry in _copies(folder):
        stat = entry.stat()
        if objects.get(entry.name) != Stat(stat.st_size, stat.st_mtime_ns):
            erase_copy(Path(entry.path))


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
    held = _held(path)
    if held is not None and sha256 not in (None, sha256_file(path)):
        held.close()  # the version that the inventory was taken of may lie there again
        erase_copy(path)
        held = None
    while held is None:
        _fetch(path, sha256)
        held = _held(path)
    try:
        with held:
            yield
    finally:
        _room(path.parent).settle()


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


def copies_of(folder: Path) -> list[Path]:
    """The copies that are here."""
    return [Path(entry.path) for entry in _copies(folder)]


def _store(folder: Path) -> Store:
    what = "the note of where footage lies"
    source = read_document(source_file(folder), FootageUrl, what=what, remedy="run `make data`")
    return open_store(source.url, named="footage")


def _stat(store: Store, about: Mapping[str, object]) -> Stat:
    version = next((str(about[key]) for key in _VERSIONS if about.get(key)), "")
    digest = int(sha256_bytes(f"{store.url}\0{version}".encode())[:15], 16)
    return Stat(int(str(about["size"])), digest // 1000 * 1000)  # some file systems count in µs


def _held(path: Path) -> BinaryIO | None:
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
            # Whatever the file system notes of reads: here it decides what makes room.
            os.utime(path, ns=(time.time_ns(), mine.st_mtime_ns))
            return stream
    except FileNotFoundError:
        pass
    stream.close()  # it made room between the two
    return None


def _fetch(path: Path, sha256: str | None) -> None:
    store, name = _store(path.parent), path.name
    try:
        before = _stat(store, store.about(name))
        with _room(path.parent).for_(path, before.st_size), replacing(path) as temporary:
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


class _Room:
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
        stats = [(entry.stat(), entry.path) for entry in _copies(self._folder)]
        found = sorted((stat.st_atime_ns, stat.st_size, path) for stat, path in stats)
        total = sum(self._coming.values()) + sum(size for _, size, _ in found)
        most = limit if total <= limit else limit * _KEPT_OF_FULL
        for _, size, path in found:
            if total <= most:
                break
            if _erased(Path(path)):
                total -= size
        self._over = total > limit
        self._unseen = max(0.0, limit - total) * _SHARE_UNSEEN


def _room(folder: Path) -> _Room:
    return _room_within(folder, gibibytes(FOOTAGE_CACHE, 20.0))


@lru_cache(maxsize=16)
def _room_within(folder: Path, limit: float) -> _Room:
    return _Room(folder, limit)


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


def _copies(folder: Path) -> list[os.DirEntry[str]]:
    with _scanned(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".") and entry.is_file()]


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
