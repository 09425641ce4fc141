"""Whose signatures count here: one's own, and those of the keys that a person chose to trust.

A key is called by its fingerprint: the SHA-256 of its public half in PEM, which model-signing
writes into its signatures too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets.provenance.files import write_bytes
from slora_assets.provenance.hashing import sha256_bytes
from slora_assets.provenance.keys import keys_folder, own_public_key
from slora_assets.provenance.stat_cache import file_stamp

SHOWN: Final = 16
"""Characters of a fingerprint that people are shown."""

Stamp = tuple[tuple[str, tuple[int, ...]], ...]


def trusted_folder() -> Path:
    """Where public halves lie whose signatures count beside one's own."""
    return keys_folder() / "trusted"


def trusted_keys() -> Mapping[str, Path]:
    """Public halves that count, by fingerprint. Raises ConfigError for a file among them that holds
    no key."""
    return _keys_at(trust_stamp())


def trust_stamp() -> Stamp:
    """What changes with the set of trusted keys."""
    own = own_public_key()
    files = [*([own] if own else []), *sorted(trusted_folder().glob("*.pem"))]
    return tuple((str(file), file_stamp(file)) for file in files)


def public_key(fingerprint: str, signed: Path, what: str) -> ec.EllipticCurvePublicKey:
    """The trusted key of that fingerprint, with which a file is said to be signed; `what` says for
    people what that is. Raises IntegrityError for one that nobody here trusts."""
    file = trusted_keys().get(fingerprint)
    if file is None:
        raise untrusted(fingerprint, signed, what)
    return _read(file, file_stamp(file))[1]


def untrusted(fingerprint: str, signed: Path, what: str = "it") -> IntegrityError:
    """What is said of a signature by a key that nobody here trusts."""
    return IntegrityError(
        f"{what} is signed with a key that is not trusted here",
        file=signed,
        found=fingerprint,
        expected=f"one of {[name[:SHOWN] for name in trusted_keys()] or 'no key at all'}",
        remedy="if you know whose it is, get the public half from its owner and run"
        " `slora keys trust`",
    )


def trust(file: Path) -> str:
    """Let signatures count that the owner of a public half makes; returns its fingerprint. Raises
    ConfigError, MissingInputError."""
    fingerprint, key = _read(file.absolute(), file_stamp(file))
    write_bytes(trusted_folder() / f"{fingerprint}.pem", _pem(key))
    return fingerprint


def distrust(fingerprint: str) -> list[str]:
    """Let them count no longer, of all keys whose fingerprint begins so; returns these. One's own
    stays."""
    gone = [
        name
        for name, file in trusted_keys().items()
        if name.startswith(fingerprint) and file.parent == trusted_folder()
    ]
    for name in gone:
        trusted_keys()[name].unlink()
    return gone


def fingerprint_of(key: ec.EllipticCurvePublicKey) -> str:
    """By which a key is called."""
    return sha256_bytes(_pem(key))


@lru_cache(maxsize=4)
def _keys_at(stamp: Stamp) -> Mapping[str, Path]:
    return {_read(Path(file), at)[0]: Path(file) for file, at in reversed(stamp)}


@lru_cache(maxsize=32)
def _read(file: Path, stamp: tuple[int, ...]) -> tuple[str, ec.EllipticCurvePublicKey]:
    """The key as it stood at `stamp`, with its fingerprint."""
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except FileNotFoundError as error:
        raise MissingInputError("there is no such key", file=file) from error
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(file, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _no_key(file, type(key).__name__)
    return fingerprint_of(key), key


def _pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _no_key(file: Path, found: str) -> ConfigError:
    return ConfigError(
        "the file holds no public key",
        file=file,
        found=found,
        expected="the public half of an ECDSA key in PEM, as `slora keys show` prints it",
        remedy="get it from the key's owner, or take the file away",
    )
