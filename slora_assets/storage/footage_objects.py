"""The objects at a footage's URL: listed, and fetched where there is no copy of them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from slora_assets.config.errors import FootageError, IntegrityError
from slora_assets.documents.storage import FootageUrl, StoredFile
from slora_assets.provenance.files import replacing, write_json
from slora_assets.provenance.hashing import sha256_bytes
from slora_assets.provenance.records import read_document
from slora_assets.storage.footage_copies import Stat, copies_in, erase_copy, room_in, source_file
from slora_assets.storage.opening import open_store
from slora_assets.storage.store import NotStoredError, Store

_VERSIONS: Final = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
"""What file systems of fsspec call that which changes with an object's bytes; the first counts."""
_LONGEST_NAME: Final = 200


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


def fetch(path: Path, sha256: str | None) -> None:
    """Make a copy of the object that a path stands for. Raises as `at_hand` does."""
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


def _store(folder: Path) -> Store:
    what = "the note of where footage lies"
    source = read_document(source_file(folder), FootageUrl, what=what, remedy="run `make data`")
    return open_store(source.url, named="footage")


def _stat(store: Store, about: Mapping[str, object]) -> Stat:
    version = next((str(about[key]) for key in _VERSIONS if about.get(key)), "")
    digest = int(sha256_bytes(f"{store.url}\0{version}".encode())[:15], 16)
    return Stat(int(str(about["size"])), digest // 1000 * 1000)  # some file systems count in µs
