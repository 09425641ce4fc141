"""Footage that lies at a URL: what is there, and copies of it here, as many as there is room for.

A file at the URL has a place in the workspace, `data/raw/<dataset>/at_url/<name>`, which records
name. Whoever opens it has it `at_hand` for as long as that takes; what was used longest ago makes
room for what is fetched. fsspec's own caches know no limit.

The URL is only read. A copy's modification time is no time: it stands for the version of the object
that the copy was made of, so that whoever remembers files by size and time remembers versions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from slora_assets.config.errors import FootageError
from slora_assets.provenance.hashing import sha256_file
from slora_assets.storage.footage_copies import erase_copy, held, is_at_url, room_in

Wanted = TypeVar("Wanted")

_READERS: Final = 8


def is_url(footage: str) -> bool:
    """Whether a dataset's `footage` is no folder."""
    return "://" in footage


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
        # Here, because mostly nothing lies at a URL.
        from slora_assets.storage.footage_objects import fetch

        fetch(path, sha256)
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
