"""The key that slora signs with: made on first use, outside of every workspace.

Whoever can write into a workspace must not find the key beside what it vouches for. Its public half
is all that a check needs, so it may be handed out with the files.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from filelock import FileLock
from platformdirs import user_data_path

from slora_assets.config.errors import ConfigError
from slora_assets.provenance.files import replacing
from slora_assets.provenance.stat_cache import file_stamp

KEYS: Final = "SLORA_KEYS"
_PRIVATE: Final = "signing_key.pem"
_PUBLIC: Final = "signing_key.pub.pem"


def keys_folder() -> Path:
    """Where keys lie: `SLORA_KEYS`, else the user's folder for programs' data."""
    return Path(os.environ.get(KEYS) or user_data_path("slora") / "keys").absolute()


def private_key_file() -> Path:
    """The private key (ECDSA on P-256, PKCS #8 in PEM, readable by its owner alone); made, with its
    public half, where there is none."""
    file = keys_folder() / _PRIVATE
    if not file.exists():
        try:
            _make(file)
        except OSError as error:
            raise ConfigError(
                f"no signing key can be made here ({error.strerror})",
                file=file.parent,
                remedy=f"name a folder that can be written, outside of the workspace, in {KEYS}",
            ) from error
    return file


def public_key_file() -> Path:
    """The public half, as others may have it. Made anew from the private key where it is lost."""
    file = keys_folder() / _PUBLIC
    if not file.exists():
        _write(file, _public_pem(signing_key()), mode=0o644)
    return file


def own_public_key() -> Path | None:
    """The public half where a key was made already: whoever only looks makes none."""
    folder = keys_folder()
    if (folder / _PUBLIC).is_file():
        return folder / _PUBLIC
    return public_key_file() if (folder / _PRIVATE).is_file() else None


def signing_key() -> ec.EllipticCurvePrivateKey:
    """The private key. Raises ConfigError for a file that holds none that slora made."""
    file = private_key_file()
    return _read(file, file_stamp(file))


@lru_cache(maxsize=4)
def _read(file: Path, stamp: tuple[int, ...]) -> ec.EllipticCurvePrivateKey:
    """The key as it stood at `stamp`."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(file, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _no_key(file, type(key).__name__)
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(file.with_suffix(".lock")):
        if file.exists():  # somebody else has made it meanwhile
            return
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(file.with_name(_PUBLIC), _public_pem(key), mode=0o644)
        _write(file, pem, mode=0o600)


def _public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write(file: Path, pem: bytes, *, mode: int) -> None:
    with replacing(file) as temporary:
        temporary.touch(mode=mode)
        temporary.write_bytes(pem)


def _no_key(file: Path, found: str) -> ConfigError:
    return ConfigError(
        "the signing key can't be read",
        file=file,
        found=found,
        expected="an ECDSA key in PEM without a password",
        remedy=f"restore it from a copy, or name another folder in {KEYS}; with another key,"
        " what the old one signed is trusted only by its public half",
    )
