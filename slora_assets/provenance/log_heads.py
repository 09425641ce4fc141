"""Where each chained log ends, signed: what is cut off its end, added to it without the key, or
replaced by an older log shows.

A head is written before the line that it names, with that line inside: whoever is killed between
the two has lost nothing, and no line ever stands beyond a head that was signed. What the heads of a
workspace can't show, that log and head were put back together, shows what the keys' folder knows.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rfc8785

from slora_assets.config.errors import IntegrityError, NoRoomError
from slora_assets.documents import LogHead
from slora_assets.provenance import chained_log
from slora_assets.provenance.files import write_json
from slora_assets.provenance.hashing import Json, canonical_json, object_hash, sha256_bytes
from slora_assets.provenance.records import read_document
from slora_assets.provenance.stat_cache import file_stamp

# What cryptography needs is imported where somebody signs or checks: definitions load without it.

_TYPE: Final = "application/vnd.slora.log-head+json"
_Entries = Sequence[Mapping[str, Json]]


@dataclass(frozen=True)
class LogHeads:
    """The heads of one log, its `Keeper`."""

    log: Path
    what: str
    """The log, for people."""
    files: tuple[Path, ...]
    """Where heads are kept; whoever loses one has the other still."""
    remedy: str = (
        "restore the log and its head from a copy; if it is you who put an older one back, run"
        " `slora sign --as-they-stand`"
    )

    @classmethod
    def beside(cls, log: Path, what: str) -> LogHeads:
        """Of a log with its head beside it."""
        return cls(log, what, (log.with_name(f"{log.stem}.head.json"),))

    def stamp(self) -> tuple[object, ...]:
        """What changes when anything changes that the answers below depend on."""
        from slora_assets.provenance.trust import trust_stamp

        return (*map(file_stamp, (self.log, *self.files)), trust_stamp())

    def lost(self, entries: _Entries) -> list[dict[str, Json]]:
        """As `Keeper` says."""
        head = self._last()
        if head is None:
            self._reaches_known(entries)
            return []
        lost = [_line_of(head)] if self._announced(head, entries) else []
        whole = [*entries, *lost]
        for file, one in self._heads():
            if not 0 < one.entries <= len(whole) or whole[one.entries - 1]["hash"] != one.hash:
                raise self._cut(whole, one, file)
        self._reaches_known(whole)
        if head.signature is not None and head.entries < len(whole):
            raise IntegrityError(
                f"nobody signed what stands at the end of {self.what}",
                file=self.log,
                line=head.entries + 1,
                found=f"{len(whole)} entries",
                expected=f"{head.entries}, as its head says",
                remedy=self.remedy,
            )
        return lost

    def announce(self, entries: _Entries) -> None:
        """As `Keeper` says. A log that was begun without signatures goes on without, until a person
        signs it (`slora sign`)."""
        begun = len(entries) > 1 and self.signed_by() is None
        self.write(entries, signed=not begun)

    def signed_by(self) -> str | None:
        """Fingerprint of the key that signed where the log ends; None where nobody did. Raises
        IntegrityError for a signature that isn't right, or by a key that is not trusted here."""
        head = self._last()
        return head.key if head and head.signature else None

    def write(self, entries: _Entries, signed: bool = True) -> None:
        """Note that these are the log's entries."""
        last = entries[-1]
        head = LogHead(
            log=self.log.name, entries=len(entries), hash=str(last["hash"]), line=dict(last)
        )
        if signed:
            head = _signed(head)
        for file in self.files:
            write_json(file, head.model_dump(mode="json"))
        if signed:
            self._remember(entries)

    def forget(self, entries: _Entries) -> None:
        """Forget what the keys' folder knows of the log, which is to go on from here."""
        if entries:
            self._known_file(entries).unlink(missing_ok=True)

    def _last(self) -> LogHead | None:
        """The head that knows most."""
        heads = [head for _, head in self._heads()]
        return max(heads, key=lambda head: head.entries) if heads else None

    def _heads(self) -> list[tuple[Path, LogHead]]:
        """All that there are, their signatures checked."""
        found = []
        for file in self.files:
            if file.exists():
                what = f"the head of {self.what}"
                head = read_document(file, LogHead, what=what, remedy=self.remedy)
                if head.signature is not None:
                    self._checked(head, file)
                found.append((file, head))
        return found

    def _checked(self, head: LogHead, file: Path) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        from slora_assets.provenance.trust import public_key

        key = public_key(head.key or "", file, f"the head of {self.what}")
        try:
            raw = base64.b64decode(head.signature or "", validate=True)
            key.verify(raw, _enveloped(head), ec.ECDSA(SHA256()))
            right = head.log == self.log.name
        except (ValueError, rfc8785.CanonicalizationError, InvalidSignature):
            right = False
        if not right:
            raise IntegrityError(
                f"the head of {self.what} is not what was signed", file=file, remedy=self.remedy
            )

    def _announced(self, head: LogHead, entries: _Entries) -> bool:
        """Whether the head names the line that follows, which was never written. The log's
        file is made before its first head."""
        if head.line is None or head.entries != len(entries) + 1 or not self.log.is_file():
            return False
        before = entries[-1]["hash"] if entries else chained_log.START
        return head.line.get("previous") == before

    def _reaches_known(self, entries: _Entries) -> None:
        """Refuse a log that ends before what this machine has seen of it, and remember it."""
        if not entries:
            return
        file, signer = self._known_file(entries), self.signed_by()
        if file.exists():
            known = read_document(file, LogHead, what="a known head", remedy="delete it")
            if known.entries > len(entries) or entries[known.entries - 1]["hash"] != known.hash:
                raise self._cut(entries, known, file)
            if signer is None:
                raise IntegrityError(
                    f"the head of {self.what} was signed, and is so no more",
                    file=self.files[0],
                    remedy=self.remedy,
                )
            if known.entries == len(entries):
                return
        if signer is not None:
            self._remember(entries)

    def _remember(self, entries: _Entries) -> None:
        known = LogHead(log=str(self.log), entries=len(entries), hash=str(entries[-1]["hash"]))
        # A folder that may only be read, or is full; the signed head is there still.
        with suppress(OSError, NoRoomError):
            write_json(self._known_file(entries), known.model_dump(mode="json"))

    def _known_file(self, entries: _Entries) -> Path:
        """By the log's place and first line: a copy elsewhere goes its own way, and so does a
        workspace that was made anew in the same place."""
        place = f"{os.path.realpath(self.log)}\n{entries[0]['hash']}"
        return _known_folder() / f"{sha256_bytes(place.encode())[:32]}.json"

    def _cut(self, entries: _Entries, head: LogHead, file: Path) -> IntegrityError:
        return IntegrityError(
            f"{self.what} was cut, or is another one",
            file=self.log,
            found=f"{len(entries)} entries",
            expected=f"{head.entries} at least, the last of them with the hash {head.hash}"
            f" that {file} notes",
            remedy=self.remedy,
        )


def _known_folder() -> Path:
    from slora_assets.provenance.keys import keys_folder

    return keys_folder() / "heads"


def _line_of(head: LogHead) -> dict[str, Json]:
    """The line that a head holds. Raises IntegrityError for one with another hash than it says."""
    line = dict(head.line or {})
    try:
        found = object_hash({key: value for key, value in line.items() if key != "hash"})
    except (ValueError, rfc8785.CanonicalizationError):
        found = ""
    if not line.get("hash") == found == head.hash:
        raise IntegrityError("the head holds another line than it says", key="line")
    return line


def _signed(head: LogHead) -> LogHead:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    from slora_assets.provenance.keys import signing_key
    from slora_assets.provenance.trust import fingerprint_of

    key = signing_key()
    raw = key.sign(_enveloped(head), ec.ECDSA(SHA256()))
    return head.model_copy(
        update={
            "key": fingerprint_of(key.public_key()),
            "signature": base64.b64encode(raw).decode(),
        }
    )


def _enveloped(head: LogHead) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, so that no signature of a head can pass
    for one of anything else."""
    said = head.model_dump(mode="json", exclude={"key", "signature"})
    payload = canonical_json(said).encode()
    return b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(payload), payload)


def refuse_unsigned(heads: LogHeads, entries: int) -> str | None:
    """Who signed where a log ends; None for an empty one. Raises IntegrityError for one that nobody
    signed."""
    signer = heads.signed_by()
    if signer is None and entries:
        raise IntegrityError(
            f"nobody signed where {heads.what} ends",
            file=heads.log,
            remedy="if it is as it was left, run `slora sign`",
        )
    return signer
