"""The certificates that Content Credentials are signed with: a root, which is slora's own signing
key, and a leaf below it with a key of its own, as C2PA asks. Made on first use, beside that key.

Nobody but who has the root trusts it: this machine, and whoever puts it into `trusted_roots/` of
the folder of keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from slora_assets.config.errors import ConfigError
from slora_assets.provenance import file_stamp, sha256_bytes, trust, write_bytes
from slora_assets.provenance.files import replacing
from slora_assets.provenance.keys import keys_folder, private_key_file, signing_key

_ROOT: Final = "credentials_root.pem"
_LEAF: Final = "credentials_leaf.pem"
_TRUSTED: Final = "trusted_roots"
_HOLDS: Final = timedelta(days=3650)
_UNUSED: Final = (
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Credentials:
    """What signs: PEM of the leaf's certificate with the root's behind it, and of its key."""

    chain: bytes
    key: bytes


def credentials() -> Credentials:
    """What this machine signs with, made where there is none or where the signing key is another.
    Raises ConfigError for files that can't be read."""
    folder, key = keys_folder(), private_key_file()
    root, leaf = folder / _ROOT, folder / _LEAF
    if not (root.is_file() and leaf.is_file() and _is_of(root, signing_key())):
        with FileLock(folder / "credentials.lock"):
            if not (root.is_file() and leaf.is_file() and _is_of(root, signing_key())):
                _make(root, leaf)
    return _read(root, leaf, (*file_stamp(root), *file_stamp(leaf), *file_stamp(key)))


def trusted_roots() -> bytes:
    """PEM of the certificates whose signatures are trusted here; empty where there is none."""
    folder = keys_folder()
    files = [folder / _ROOT, *sorted((folder / _TRUSTED).glob("*.pem"))]
    return b"\n".join(file.read_bytes() for file in files if file.is_file())


def trusted_keys() -> dict[str, ec.EllipticCurvePublicKey]:
    """Keys whose signatures are trusted here, by `key_id`: the roots', and those that `slora keys`
    lists. Raises ConfigError."""
    roots = trusted_roots()
    try:
        found = (
            [one.public_key() for one in x509.load_pem_x509_certificates(roots)] if roots else []
        )
    except ValueError as error:
        raise _unreadable(keys_folder() / _TRUSTED, str(error)) from error
    listed = [trust.public_key(one, file, "it") for one, file in trust.trusted_keys().items()]
    both = [*found, *listed]
    return {key_id(one): one for one in both if isinstance(one, ec.EllipticCurvePublicKey)}


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """What a key is known by: the SHA-256 of its DER."""
    return sha256_bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def root_file() -> Path:
    """The certificate that others need who want to trust this machine's credentials."""
    credentials()
    return keys_folder() / _ROOT


@lru_cache(maxsize=4)
def _read(root: Path, leaf: Path, stamp: tuple[int, ...]) -> Credentials:
    """As the files stood at `stamp`."""
    content = leaf.read_bytes()
    try:
        key = load_pem_private_key(content, password=None)
        certificate = x509.load_pem_x509_certificate(content)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root.read_bytes()))
    except (ValueError, TypeError) as error:
        raise _unreadable(leaf, str(error)) from error
    except Exception as error:  # cryptography's InvalidSignature, which is no ValueError
        raise _unreadable(leaf, type(error).__name__) from error
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credentials(certificate.public_bytes(Encoding.PEM) + root.read_bytes(), pem)


def _is_of(root: Path, key: ec.EllipticCurvePrivateKey) -> bool:
    try:
        found = x509.load_pem_x509_certificate(root.read_bytes()).public_key()
    except ValueError as error:
        raise _unreadable(root, str(error)) from error
    return found == key.public_key()


def _make(root: Path, leaf: Path) -> None:
    own, key = signing_key(), ec.generate_private_key(ec.SECP256R1())
    names = _name("slora root"), _name("slora")
    made_root = _certificate(names[0], own.public_key(), names[0], own, authority=True)
    made_leaf = _certificate(names[1], key.public_key(), names[0], own, authority=False)
    with replacing(leaf) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + made_leaf.public_bytes(Encoding.PEM)
        )
    write_bytes(root, made_root.public_bytes(Encoding.PEM))


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    """As C2PA's profile asks: of the leaf a purpose, and that it is no authority."""
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_cert_sign=authority,
        crl_sign=authority,
        **dict.fromkeys(_UNUSED, False),
    )
    known_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _HOLDS)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(known_by, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if not authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(purpose, critical=False)
    return made.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    """With a part of the key's own hash: readers tell roots of the same name apart by it."""
    public = (
        signing_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    own = f"{common} {digest.finalize().hex()[:12]}"
    parts = ((NameOID.ORGANIZATION_NAME, "slora"), (NameOID.COMMON_NAME, own))
    return x509.Name([x509.NameAttribute(*part) for part in parts])


def _unreadable(file: Path, found: str) -> ConfigError:
    return ConfigError(
        "a certificate that credentials are signed with can't be used",
        file=file,
        found=found,
        expected="what slora made there",
        remedy=f"restore it from a copy, or delete {_ROOT} and {_LEAF}: new ones are made, and who"
        " trusts the old root has to be given the new one",
    )
