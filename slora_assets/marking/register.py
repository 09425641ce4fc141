"""The register of published videos: one signed file each, `<id>.json`.

A video is looked up by its bytes, its credentials, its watermark, and what it looks like. Entries
stay when a video is erased: copies of it may be about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from slora_assets.config.errors import SloraError
from slora_assets.documents import RegisteredVideo, SignedVideo
from slora_assets.marking.certificates import credentials, key_id, trusted_keys
from slora_assets.marking.look import alike, difference
from slora_assets.provenance import canonical_json, write_json
from slora_assets.provenance.keys import signing_key
from slora_assets.provenance.records import read_document

_NAMED: Final = re.compile(r"[0-9a-f]{32}")
EntryState = Literal["trusted", "unknown key", "invalid"]
FoundBy = Literal["bytes", "credentials", "watermark", "likeness"]


@dataclass(frozen=True)
class Entry:
    """A video's entry, and whether its signature holds."""

    video: SignedVideo
    state: EntryState
    by: FoundBy


def register(folder: Path, video: RegisteredVideo) -> Path:
    """Sign an entry and write it down. Raises ConfigError for a key that can't be read."""
    credentials()  # the root is what others check the signature with
    key = signing_key()
    unsigned = {**video.model_dump(mode="json"), "key": key_id(key.public_key())}
    signature = key.sign(canonical_json(unsigned).encode(), ec.ECDSA(hashes.SHA256()))
    path = folder / f"{video.id}.json"
    write_json(path, {**unsigned, "signature": signature.hex()})
    return path


def known_ids(folder: Path) -> set[str]:
    """First eight digits of all ids, which watermarks hold."""
    return {path.name[:8] for path in folder.glob("[!.]*.json") if _NAMED.fullmatch(path.stem)}


def find(
    folder: Path,
    sha256: str,
    payload: str | None,
    fingerprint: Sequence[str],
    identifier: str | None = None,
) -> Entry | None:
    """The entry of a video: by its bytes, else by the id that its credentials say, else by eight
    digits that its watermark holds, else by the look that is nearest, if it is near."""
    videos = list(_entries(folder))
    for one in videos:
        if one.sha256 == sha256:
            return Entry(one, state_of(one), "bytes")
    for one in videos:
        if one.id == identifier:
            return Entry(one, state_of(one), "credentials")
    for one in videos:
        if payload is not None and one.id.startswith(payload):
            return Entry(one, state_of(one), "watermark")
    near = [one for one in videos if alike(one.fingerprint, fingerprint)]
    if not near:
        return None
    nearest = min(near, key=lambda one: difference(one.fingerprint, fingerprint))
    return Entry(nearest, state_of(nearest), "likeness")


def read_entry(path: Path) -> SignedVideo:
    """An entry. Raises MissingInputError, IntegrityError."""
    remedy = "restore it from a copy"
    return read_document(path, SignedVideo, what="an entry of the register", remedy=remedy)


def state_of(video: SignedVideo) -> EntryState:
    """Whether the entry is what was signed, and by whom."""
    key = trusted_keys().get(video.key)
    if key is None:
        return "unknown key"
    signed = canonical_json(video.model_dump(mode="json", exclude={"signature"})).encode()
    try:
        key.verify(bytes.fromhex(video.signature), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return "invalid"
    return "trusted"


def _entries(folder: Path) -> Iterator[SignedVideo]:
    """All that can be read; a file that can't is nobody's entry."""
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            yield read_entry(path)
        except SloraError:
            continue
