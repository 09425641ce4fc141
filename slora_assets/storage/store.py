"""A store: any URL of fsspec's (`s3://bucket/prefix`, `file:///folder`), with the few operations
that publishing needs. Nothing in it is ever written over, and nothing is believed unread.

fsspec is imported where a store is opened: without one nobody waits for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from slora_assets.config.environment import STORE
from slora_assets.config.errors import IntegrityError, UnreadableError
from slora_assets.documents.storage import StoredFile
from slora_assets.provenance.files import replacing, write_bytes
from slora_assets.provenance.hashing import sha256_bytes

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

BLOCK: Final = 8 * 2**20
"""Bytes that are asked for at once: what a cut connection costs."""
_TRIES: Final = 2
_WAIT_S: Final = 0.2
_WAITS_S: Final = 30.0
"""For an answer, beside the time that its bytes take at the slowest ..."""
_SLOWEST: Final = 50_000
"""... bytes per second."""
Value = TypeVar("Value")
_AGAIN: Final = "run the same command again: it goes on from what has arrived"


class StoreError(UnreadableError):
    """The store can't be reached, or doesn't do what is asked of it."""


class NotStoredError(StoreError):
    """The store has no such object."""


@dataclass(frozen=True)
class Store:
    """An opened store."""

    url: str
    """As people wrote it, without a slash at its end."""
    fs: AbstractFileSystem
    root: str
    """The same as the file system calls it."""
    named: str = STORE
    """What names the URL: a variable, or a key of a dataset."""

    def at(self, key: str) -> str:
        """The URL of an object, for people."""
        return f"{self.url}/{key}"

    def size(self, key: str) -> int | None:
        """How large an object is; None where there is none. Raises StoreError."""
        return self._again(lambda: self._size(key))

    def _size(self, key: str) -> int | None:
        with self._asked(key, "can't be looked at"):
            try:
                return int(self._call("info", key)["size"])
            except FileNotFoundError:
                return None

    def read(self, key: str, expected: StoredFile | None = None) -> bytes:
        """An object's bytes, compared with what they should be. Raises NotStoredError, StoreError,
        IntegrityError."""
        if expected is not None and expected.bytes_:
            found = self._block(key, 0, expected.bytes_)
        else:
            with self._asked(key, "can't be read"):
                found = bytes(self._call("cat_file", key))
        if expected is not None:
            self.compare(key, StoredFile(sha256=sha256_bytes(found), bytes_=len(found)), expected)
        return found

    def fetch(self, key: str, expected: StoredFile, target: Path) -> None:
        """Write an object to `target`, in blocks, and only if it has the expected bytes: until then
        they stand in a temporary file beside it. Raises as `read` does."""
        with replacing(target) as temporary:
            self.compare(key, self.copy(key, expected.bytes_, temporary), expected)

    def copy(self, key: str, bytes_: int, target: Path) -> StoredFile:
        """Write so many bytes of an object to a file, in blocks; returns what they are. Raises
        NotStoredError, StoreError."""
        digest = hashlib.sha256()
        with target.open("wb") as stream:
            for block in self._blocks(key, bytes_):
                stream.write(block)
                digest.update(block)
        return StoredFile(sha256=digest.hexdigest(), bytes_=bytes_)

    def hash_of(self, key: str, bytes_: int) -> str:
        """Hash of so many bytes of an object, read in blocks. Raises NotStoredError, StoreError."""
        digest = hashlib.sha256()
        for block in self._blocks(key, bytes_):
            digest.update(block)
        return digest.hexdigest()

    def send(self, file: Path, key: str) -> None:
        """Write a file's bytes to an object, which is there whole afterwards or not at all. Raises
        StoreError."""
        waits_s = _WAITS_S + file.stat().st_size / _SLOWEST
        self._again(lambda: self._send(file, key, waits_s))

    def _send(self, file: Path, key: str, waits_s: float) -> None:
        with self._asked(key, "can't be written"):
            if self._is_folder:
                with replacing(Path(self._path(key))) as temporary:
                    shutil.copyfile(file, temporary)
            else:
                options = {"timeout": waits_s} if self.fs.async_impl else {}
                self.fs.put_file(str(file), self._path(key), **options)

    def create(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one; whether it is this content that stands there now.
        Raises StoreError."""
        if self._again(lambda: self._create(key, content)):
            return True
        # It may be one's own: what was written before the answer was lost.
        return self.read(key) == content

    def _create(self, key: str, content: bytes) -> bool:
        with self._asked(key, "can't be written"):
            try:
                if self._is_folder:
                    self._create_file(Path(self._path(key)), content)
                else:
                    self._call("pipe_file", key, content, mode="create")
                return True
            except FileExistsError:
                return False
            except OSError as error:
                if "PreconditionFailed" not in str(error):
                    raise
                return False

    def write(self, key: str, content: bytes) -> None:
        """Write a small object. Raises StoreError."""
        with self._asked(key, "can't be written"):
            if self._is_folder:
                write_bytes(Path(self._path(key)), content)
            else:
                self._call("pipe_file", key, content)

    def remove(self, key: str) -> None:
        """Delete an object, if there is one. Raises StoreError."""
        with self._asked(key, "can't be deleted"):
            try:
                self._call("rm_file", key)
            except FileNotFoundError:
                return

    def about(self, key: str) -> dict[str, object]:
        """What fsspec says of an object. Raises NotStoredError, StoreError."""

        def ask() -> dict[str, object]:
            with self._asked(key, "can't be looked at"):
                return dict(self._call("info", key))

        return self._again(ask)

    def directly_at(self) -> dict[str, dict[str, object]]:
        """What fsspec says of each object at the URL and not deeper, by name; nothing of a URL that
        has none. Raises StoreError."""

        def ask() -> list[dict[str, object]]:
            with self._asked("", "can't be listed"):
                try:
                    return list(self._call("ls", "", detail=True))
                except FileNotFoundError:
                    return []

        files = (one for one in self._again(ask) if one["type"] == "file")
        found = {str(one["name"]).rpartition("/")[2]: one for one in files}
        found.pop("", None)  # an object that stands for a folder
        return found

    def below(self, prefix: str) -> dict[str, dict[str, object]]:
        """What fsspec says of each object below a prefix, by the rest of its name. Raises
        StoreError."""
        with self._asked(prefix, "can't be listed"):
            try:
                found = self._call("find", prefix, detail=True)
            except FileNotFoundError:
                return {}
        begin = f"{self._path(prefix)}/"
        return {name.removeprefix(begin): dict(one) for name, one in found.items()}

    def _call(self, method: str, key: str, *arguments: object, **options: Any) -> Any:
        """What the file system answers. The libraries below it may wait for ever for a connection
        that was reset while they wrote, whatever their own limits say."""
        if self.fs.async_impl:
            bytes_ = options.get("end", BLOCK) - options.get("start", 0)
            options["timeout"] = _WAITS_S + (bytes_ / _SLOWEST if "file" in method else 0)
        return getattr(self.fs, method)(self._path(key), *arguments, **options)

    def _again(self, ask: Callable[[], Value]) -> Value:
        """What is asked, asked again where it failed."""
        for attempt in range(1, _TRIES):
            try:
                return ask()
            except NotStoredError:
                raise
            except StoreError:
                time.sleep(_WAIT_S * attempt)
        return ask()

    @property
    def _is_folder(self) -> bool:
        return "file" in ((kind,) if isinstance(kind := self.fs.protocol, str) else kind)

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}" if key else self.root

    def _create_file(self, path: Path, content: bytes) -> None:
        """A name for a file that is whole already: nobody sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.partial")
        try:
            write_bytes(whole, content)
            os.link(whole, path)
        finally:
            whole.unlink(missing_ok=True)

    def _block(self, key: str, start: int, end: int) -> bytes:
        """A range of an object, asked for again when the connection is cut."""
        found = self._again(lambda: self._range(key, start, end))
        if len(found) == end - start:
            return found
        raise IntegrityError(
            "the object ends before its record says",
            file=None,
            key=self.at(key),
            found=f"{start + len(found)} bytes",
            expected=f"{end} at least",
            remedy="push the part again from where it was made, with --check",
        )

    def _blocks(self, key: str, bytes_: int) -> Iterator[bytes]:
        for start in range(0, bytes_, BLOCK):
            yield self._block(key, start, min(start + BLOCK, bytes_))

    def _range(self, key: str, start: int, end: int) -> bytes:
        with self._asked(key, "can't be read"):
            return bytes(self._call("cat_file", key, start=start, end=end))

    def compare(self, key: str, found: StoredFile, expected: StoredFile) -> None:
        """Raise IntegrityError where an object isn't what its record says."""
        if found != expected:
            raise IntegrityError(
                "the object is not what its record says; nothing of it was kept",
                key=self.at(key),
                found=f"{found.bytes_} bytes, {found.sha256}",
                expected=f"{expected.bytes_} bytes, {expected.sha256}",
                remedy="push the part again from where it was made, with --check"
                if self.named == STORE
                else "run `make data` if the file was meant to change, else restore it",
            )

    @contextmanager
    def _asked(self, key: str, what: str) -> Iterator[None]:
        """What goes wrong with a store is said by its URL. fsspec's file systems raise whatever
        their libraries do."""
        try:
            yield
        except (StoreError, IntegrityError):
            raise
        except FileNotFoundError as error:
            raise NotStoredError(
                "the store has no such object",
                key=self.at(key),
                remedy=f"look whether {self.named} names the right URL, and whether it is there",
            ) from error
        except Exception as error:
            raise StoreError(
                f"the object {what}",
                key=self.at(key),
                found=f"{type(error).__name__}: {error}",
                expected="an answer of the store",
                remedy=f"see that the store is there and may be used from here, then {_AGAIN}",
            ) from error
