"""Writing without halves: temporary file beside the target, fsync, rename.

Every file slora writes goes through here, so a reader never sees a torn one, whatever was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast

import orjson

from slora_assets.config.errors import (
    NO_ROOM,
    IntegrityError,
    MissingInputError,
    NoRoomError,
    UnreadableError,
)
from slora_assets.provenance.hashing import Json

PARTIAL: Final = ".partial"
"""Marks temporary files and folders; anything that ends so may be deleted at any time."""

_ORJSON: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it over `path`.

    What stood there keeps its mode, its owner and group, and whatever else the system notes of it;
    behind a link it is the file that is replaced, never the link. The temporary name keeps the
    suffix (writers such as PyAV choose a format by it) and is removed when the body raises. Raises
    UnreadableError for a folder, a device or whatever else is no file; what `writing` does.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise UnreadableError(
            "no file can be put in the place of a folder or a device",
            file=path,
            remedy="name a file",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with writing(path):
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            _take_over(path, temporary)
            temporary.replace(path)
            _fsync_folder(path.parent)
    except OSError as error:
        if error.filename == str(temporary):  # people don't know the temporary file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises NoRoomError with `path` where the body finds a disk full, whatever it raises for that:
    writing to an open file names none, and libraries that write files have classes and words of
    their own (safetensors: "Error while serializing: I/O error: No space left on device").
    """
    try:
        yield
    except Exception as error:
        number = _no_room(error)
        if number is None:
            raise
        what = os.strerror(number)
        raise NoRoomError(what[:1].lower() + what[1:], file=path, remedy=NO_ROOM[number]) from error


def _no_room(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return error.errno
    said = str(error).lower()  # NoRoomError as well: who writes a folder names that, not its part
    return next((one for one in NO_ROOM if os.strerror(one).lower() in said), None)


def _take_over(path: Path, temporary: Path) -> None:
    """Make the new file the old one's in everything but its content and its times."""
    try:
        old, new = path.stat(), temporary.stat()
    except FileNotFoundError:
        return
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):  # whoever is in its group may give it that at least
                os.chown(temporary, -1, old.st_gid)
    with suppress(PermissionError):  # some attributes only the system's owner may set
        shutil.copystat(path, temporary)
    os.utime(temporary, ns=(new.st_atime_ns, new.st_mtime_ns))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{PARTIAL}{path.suffix}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically; a file that holds it already is left as it is."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def same_as(source: Path, path: Path) -> None:
    """Let `path` be what `source` is, atomically: a second name of its bytes, or a copy where the
    file system has no second names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(path)
        _fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    write_bytes(path, text.encode())


def json_text(value: object) -> str:
    """JSON as slora writes it to files: sorted keys, two spaces, UTF-8, no NaN, final newline."""
    # orjson is ten times faster; what it would write otherwise, or not at all, is left to json.
    if _written_alike(value):
        try:
            return orjson.dumps(value, option=_ORJSON).decode()
        except TypeError:
            pass
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _written_alike(value: object) -> bool:
    """Whether orjson and json write the same bytes: no float with an exponent, no odd types."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is dict:  # keys that are no text orjson refuses
        return all(map(_written_alike, cast("dict[str, object]", value).values()))
    if kind is list or kind is tuple:
        return all(map(_written_alike, cast("list[object]", value)))
    number = cast("float", value)
    return kind is float and (number == 0 or 1e-3 <= abs(number) < 1e15)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file atomically; equal content gives equal bytes."""
    write_text(path, json_text(value))


def read_json(path: Path, *, remedy: str) -> Json:
    """Read a JSON file that slora wrote.

    Raises MissingInputError when it is absent and IntegrityError when it is no JSON; `remedy` says
    which command makes it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError("the file does not exist", file=path, remedy=remedy) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise UnreadableError(
            f"the file can't be read ({why})", file=path, remedy=remedy
        ) from error
    found: Json
    try:
        with suppress(orjson.JSONDecodeError):
            found = orjson.loads(data)
            return found
        # What orjson refuses, json may take, and it says why not.
        found = json.loads(data.decode())
        return found
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, numbers without end
        raise IntegrityError(f"not valid JSON ({error})", file=path, remedy=remedy) from error


def append_line(path: Path, line: str) -> None:
    """Append one line and fsync. A crash can tear only this last line; readers skip a torn tail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path), path.open("a", encoding="utf-8") as stream:
        stream.write(line.rstrip("\n") + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def commit_folder(partial: Path, final: Path) -> None:
    """Rename a finished folder into place: that rename is the commit mark.

    An older folder at `final` is moved aside first and removed after, so `final` is only ever
    absent, the old or the new one.
    """
    for file in sorted(partial.rglob("*")):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    aside = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}{PARTIAL}")
    if final.exists():
        final.rename(aside)
    partial.rename(final)
    _fsync_folder(final.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _fsync_folder(folder: Path) -> None:
    """Make a rename durable; platforms that can't open folders (Windows) skip it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
