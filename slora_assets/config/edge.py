"""The edge of every entry point: a failure that people can do something about is one sentence on
standard error and a status; a fault of slora's own stays a traceback. SLORA_TRACEBACK=1 prints the
traceback of the former as well, for a bug report.

Whatever a stage reads, the system and the libraries below it refuse some of it. Readers say what
they know of file, key and remedy; what they let through is told here.
"""

from __future__ import annotations

import errno
import lzma
import os
import sqlite3
import sys
import traceback
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from slora_assets.config.environment import TRACEBACK, switch
from slora_assets.config.errors import NO_ROOM, SloraError, UnreadableError

CTRL_C: Final = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells expect it."""

_REFUSED: Final = (
    UnicodeError,
    MemoryError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    sqlite3.Error,
)
_DATABASE: Final = "the database refuses"
_DISK: Final = "see that the disk that it lies on is whole and has room"
_LIBRARIES: Final = {
    # By module and class, in any of an error's ancestors: naming them imports none.
    ("json", "JSONDecodeError"): "not valid JSON",
    ("ruamel", "YAMLError"): "not valid YAML",
    ("polars", "PolarsError"): "not a table that can be read",
    ("safetensors_rust", "SafetensorError"): "not a safetensors file that can be read",
    ("safetensors", "SafetensorError"): "not a safetensors file that can be read",
    ("huggingface_hub", "HfHubHTTPError"): "the hub doesn't give it",
    ("huggingface_hub", "HFValidationError"): "no name that the hub knows",
    ("huggingface_hub", "OfflineModeIsEnabled"): "the hub is not asked while offline",
    ("httpx", "HTTPError"): "the connection failed",
    ("httpx", "InvalidURL"): "no address",
    ("requests", "RequestException"): "the connection failed",
    ("pydantic_core", "ValidationError"): "not what it should be",
    ("av", "FFmpegError"): "not a video that can be read or written",
    ("PIL", "UnidentifiedImageError"): "not a picture that can be read",
    ("torch", "OutOfMemoryError"): "the accelerator's memory is full",
    ("sqlalchemy", "DBAPIError"): _DATABASE,
    ("dagster", "DagsterError"): "Dagster refuses",
    ("dagster_shared", "DagsterError"): "Dagster refuses",
}
_REMEDIES: Final = {
    **NO_ROOM,
    errno.EACCES: "see that you may read and write there, or name another place",
    errno.EPERM: "see that you may read and write there, or name another place",
    errno.EROFS: "name a place that can be written to",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a folder; part of this path is a file",
    errno.EEXIST: "name another place; part of this path is a file",
    errno.ENOENT: "check the path",
    errno.ELOOP: "check the path: its links lead in a circle",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EADDRINUSE: "choose another port with SLORA_PORT",
    errno.EMFILE: "allow more open files (ulimit -n)",
}


def exit_status(work: Callable[[], int]) -> int:
    """What `work` returns or exits with; an expected failure is said and gives 1, Ctrl-C 130."""
    try:
        try:
            status = work()
        except SystemExit as ended:  # click and argparse have said why
            if not isinstance(ended.code, int | None):
                raise
            status = ended.code or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return CTRL_C
    except BrokenPipeError:  # whoever read has read enough
        _stop_writing()
        return 1
    except Exception as error:
        said = told(error)
        if said is None:
            raise
        if _wants_traceback():
            traceback.print_exc()
        _say(f"error: {said}")
        _stop_writing()
        return 1
    return status


def run(work: Callable[[], int]) -> NoReturn:
    """End this process with the `exit_status` of `work`."""
    sys.exit(exit_status(work))


def told(error: BaseException) -> str | None:
    """An expected failure in one sentence; None for anything else, which is a fault of slora's."""
    if isinstance(error, SloraError):
        return str(error)
    kind = _kind(error)
    if isinstance(error, OSError) and kind is None:
        return str(_of_system(error))
    if kind is None and isinstance(error, _REFUSED):
        kind = {
            UnicodeError: "not text in the expected encoding",
            MemoryError: "the memory is full",
            sqlite3.Error: _DATABASE,
        }.get(next(one for one in _REFUSED if isinstance(error, one)), "a damaged file")
    if kind is None:
        return None
    # SQLAlchemy shows its statement and an address around what the database has said.
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    remedy = _DISK if kind == _DATABASE and "disk" in said else None
    return str(UnreadableError(f"{kind} ({said})", remedy=remedy))


def _kind(error: BaseException) -> str | None:
    for one in type(error).__mro__:
        found = _LIBRARIES.get((one.__module__.partition(".")[0], one.__name__))
        if found is not None:
            return found
    return None


def _of_system(error: OSError) -> UnreadableError:
    # Of a rename the target: what is renamed is a temporary file that people don't know.
    name = error.filename2 if error.filename2 is not None else error.filename
    file = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else None
    what = error.strerror or str(error).strip() or type(error).__name__
    remedy = _REMEDIES.get(error.errno) if error.errno is not None else None
    return UnreadableError(what[:1].lower() + what[1:], file=file, remedy=remedy)


def _wants_traceback() -> bool:
    try:
        return switch(TRACEBACK)
    except SloraError:
        return True


def _say(text: str) -> None:
    with suppress(OSError):  # nobody listens
        print(text, file=sys.stderr, flush=True)


def _stop_writing() -> None:
    """What is still to be written to standard output can't be: Python would say so at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
