"""Videos with Content Credentials, signed by nobody that anybody trusts."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_BEGINS, _ENDS = datetime.datetime(2020, 1, 1), datetime.datetime(2120, 1, 1)
_CREATED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def sign(video: Path, label: str, entries: dict[str, Any]) -> None:
    """Put credentials into an MP4 that say this under `label`."""
    told = {
        "claim_generator_info": [{"name": "tests", "version": "1"}],
        "format": "video/mp4",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": _CREATED}]},
            },
            {"label": label, "data": {"entries": entries}},
        ],
    }
    unsigned = video.rename(video.with_suffix(".unsigned"))
    with unsigned.open("rb") as source, video.open("w+b") as target:
        c2pa.Builder(json.dumps(told)).sign(_signer(), "video/mp4", source, target)
    unsigned.unlink()


def _signer() -> Any:
    own, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", own, "root", own, authority=True)
    signer = _certificate("signer", leaf, "root", own, authority=False)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(
            alg=b"es256",
            sign_cert=signer.public_bytes(pem) + root.public_bytes(pem),
            private_key=leaf.private_bytes(pem, form, serialization.NoEncryption()),
            ta_url=None,
        )
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    uses = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **uses
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(1 if authority else 2)
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not authority:
        email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(email, critical=False)
    return made.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "slora tests"),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(*part) for part in parts])
