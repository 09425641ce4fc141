"""An append-only log whose entries hash each other: a changed, dropped or moved line shows.

One RFC 8785 object per line, with `time`, `previous` (hash of the line before) and `hash` (of all
other keys). Cutting lines off the end can't show by itself; a log's `Keeper` keeps where it ends.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import rfc8785
from filelock import lock_descriptor
from pydantic import BaseModel, ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance.hashing import Json, object_hash

Entry = TypeVar("Entry", bound=BaseModel)

START = "0" * 64
"""`previous` of the first entry."""

_OWN_KEYS = frozenset({"time", "previous", "hash"})

_sound: dict[Path, tuple[int, bytes]] = {}
"""How many bytes of a log this process has verified last, and their SHA-256: where the same bytes
stand again, which is seen in a fraction of the time, only what follows is verified. A service
appends for each clip that it publishes."""


class Keeper(Protocol):
    """Keeps where a log ends. Both methods raise IntegrityError for a log that isn't whole."""

    def lost(self, entries: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
        """The line that was announced and never written, if there is one, after comparing what
        stands in the log with where it ends."""

    def announce(self, entries: Sequence[Mapping[str, Json]]) -> None:
        """All entries that the log is about to have; called before the last of them is written."""


def append(path: Path, entry: Mapping[str, Json], keeper: Keeper | None = None) -> dict[str, Json]:
    """Append `entry` under a lock, fsynced, and return the line as written.

    A last line without its line feed was never finished, so it gives way to the new one. Raises
    IntegrityError when the log is broken already: nothing is added to it then.
    """
    if taken := _OWN_KEYS & entry.keys():
        raise ValueError(f"the log itself sets {sorted(taken)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as stream:
        whole, entries = _read(stream, path)
        lost = keeper.lost(entries) if keeper else []
        entries += lost
        line: dict[str, Json] = {
            **entry,
            "time": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "previous": entries[-1]["hash"] if entries else START,
        }
        line["hash"] = object_hash(line)
        if keeper:
            keeper.announce([*entries, line])
        stream.truncate(whole)
        stream.write(b"".join(rfc8785.dumps(one) + b"\n" for one in [*lost, line]))
        stream.flush()
        os.fsync(stream.fileno())
    return line


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """The log that stands there once it is one's own to write: another may have been put in its
    place while one waited."""
    while True:
        with path.open("a+b") as stream:
            lock_descriptor(stream.fileno())
            if path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                yield stream
                return


def verify(path: Path, keeper: Keeper | None = None) -> list[dict[str, Json]]:
    """All entries, oldest first; none when there is no log.

    Raises IntegrityError naming the first line that is not what was appended.
    """
    if not path.is_file():
        return keeper.lost([]) if keeper else []
    with path.open("rb") as stream:  # whoever appends now finishes a line beyond what is read
        try:
            return _whole(stream, path, keeper)
        except IntegrityError:
            if keeper is None:
                raise
        lock_descriptor(stream.fileno())  # lest it be that somebody appended meanwhile
        return _whole(stream, path, keeper)


def verified(
    path: Path,
    model: type[Entry],
    *,
    what: str,
    remedy: str | None = None,
    keeper: Keeper | None = None,
) -> list[Entry]:
    """All entries as `model`, oldest first; `what` says for people which log it is. Raises
    IntegrityError as `verify` does, and for a line that is no such entry."""
    found = []
    for number, entry in enumerate(verify(path, keeper), start=1):
        try:
            found.append(model.model_validate(entry))
        except ValidationError as error:
            raise IntegrityError(
                f"not an entry of {what} ({error.errors()[0]['msg']})",
                file=path,
                line=number,
                remedy=remedy,
            ) from error
    return found


def _whole(stream: BinaryIO, path: Path, keeper: Keeper | None) -> list[dict[str, Json]]:
    entries = _read(stream, path)[1]
    return [*entries, *(keeper.lost(entries) if keeper else [])]


def _read(stream: BinaryIO, path: Path) -> tuple[int, list[dict[str, Json]]]:
    """Bytes up to the end of the last finished line, and the verified entries."""
    stream.seek(0)
    content = stream.read()
    whole = content.rfind(b"\n") + 1
    entries: list[dict[str, Json]] = []
    previous, end, sound = START, 0, _sound_bytes(path, content)
    for number, raw in enumerate(content[:whole].splitlines(keepends=True), start=1):
        end += len(raw)
        if end <= sound:
            entries.append(json.loads(raw))
            previous = str(entries[-1]["hash"])
            continue
        entry = _parse(raw, path, number)
        if entry.get("previous") != previous:
            raise _broken(
                path,
                number,
                "the line doesn't follow the one before it",
                entry.get("previous"),
                previous,
            )
        computed = object_hash({key: value for key, value in entry.items() if key != "hash"})
        if entry.get("hash") != computed:
            raise _broken(path, number, "the line was changed", entry.get("hash"), computed)
        previous = computed
        entries.append(entry)
    _sound[path] = whole, hashlib.sha256(content[:whole]).digest()
    return whole, entries


def _sound_bytes(path: Path, content: bytes) -> int:
    """How many bytes at the beginning are those that were verified last."""
    bytes_, sha256 = _sound.get(path, (0, b""))
    return bytes_ if hashlib.sha256(content[:bytes_]).digest() == sha256 else 0


def _parse(raw: bytes, path: Path, number: int) -> dict[str, Json]:
    """One line, which must be canonical: a second spelling could hide a change."""
    try:
        entry = json.loads(raw)
        canonical = isinstance(entry, dict) and rfc8785.dumps(entry) + b"\n" == raw
    except (ValueError, rfc8785.CanonicalizationError):
        canonical = False
    if not canonical:
        raise _broken(path, number, "the line is not one canonical JSON object", None, None)
    return dict(entry)


def _broken(path: Path, line: int, what: str, found: object, expected: object) -> IntegrityError:
    return IntegrityError(
        what,
        file=path,
        line=line,
        found=found,
        expected=None if expected is None else f"hash {expected}",
        remedy="restore the log from a copy; it may have been tampered with",
    )
