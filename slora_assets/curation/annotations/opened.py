"""The bytes and texts of annotation files: unpacked, decoded, and refused in one sentence."""

from __future__ import annotations

import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, cast

import ijson
import orjson

from slora_assets.config.errors import IntegrityError, MissingInputError, cut
from slora_assets.config.text import decode
from slora_assets.curation.annotations.batches import BATCH

_PACKED: Final[dict[bytes, Callable[..., Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_NO_JSON: Final = (ijson.JSONError, ValueError, OverflowError, RecursionError, SystemError)


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked whatever its name says, without a byte order mark.

    Raises MissingInputError, IntegrityError.
    """
    try:
        with file.open("rb") as raw:
            start = raw.read(6)
            raw.seek(0)
            packed = (one for mark, one in _PACKED.items() if start.startswith(mark))
            unpack = next(packed, None)
            if unpack is None:
                yield _unmarked(raw)
            else:
                with unpack(raw, "rb") as stream:
                    yield _unmarked(cast("IO[bytes]", stream))
    except FileNotFoundError as error:
        raise MissingInputError(
            "the annotation file does not exist",
            file=file,
            remedy="correct 'annotations' in the dataset's YAML, or provide the file",
        ) from error
    # ijson's C part lets errors of numbers of thousands of digits out late.
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, SystemError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise IntegrityError(
            f"can't be read ({said})", file=file, remedy="get the file anew"
        ) from error


def _unmarked(stream: Any) -> IO[bytes]:
    """The stream in UTF-8, past its byte order mark."""
    start = stream.peek(4)[:4]
    if start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return BytesIO(decode(stream.read()).encode())
    return cast("IO[bytes]", stream)


def text_of(file: Path) -> str:
    """The whole file as text. Raises MissingInputError, IntegrityError."""
    with opened(file) as stream:
        data = stream.read()
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise IntegrityError(
            "no text in UTF-8",
            file=file,
            line=line,
            found=data[error.start : error.end],
            remedy="save the file in UTF-8",
        ) from error


def document(file: Path) -> object:
    """A whole JSON document. Raises MissingInputError, IntegrityError."""
    with opened(file) as stream:
        try:
            return orjson.loads(stream.read())
        except ValueError as error:
            raise _no_json(file, error) from error


def entries(file: Path, expected: str) -> Iterator[object]:
    """The entries of a JSON list, streamed: it may be larger than memory."""
    with opened(file) as stream:
        first = b""
        while not first and (part := stream.read(64)):
            first = part.strip()[:1]
    if first != b"[":
        begins = first.decode("latin-1")
        raise wrong_format(file, expected, f"a file that begins with {begins!r}" if begins else "")
    with opened(file) as stream:
        found = ijson.items(stream, "item", use_float=True)
        while True:
            try:
                rows = list(islice(found, BATCH))
            except _NO_JSON as error:
                raise _no_json(file, error) from error
            if not rows:
                return
            yield from rows


def wrong_format(file: Path, expected: str, found: str) -> IntegrityError:
    """What is said of a file that another 'format' would read, perhaps."""
    return IntegrityError(
        "the annotations are not of the dataset's format",
        file=file,
        found=found,
        expected=expected,
        remedy="correct 'format' in the dataset's YAML",
    )


def _no_json(file: Path, error: Exception) -> IntegrityError:
    return IntegrityError(f"not valid JSON ({cut(' '.join(str(error).split()))})", file=file)
