"""A reader of Content Credentials that shares no code with the library that writes them: boxes, the
few kinds of CBOR that a signature is made of, and the signature itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CERTIFICATES = 33
"""Of a COSE header: the chain that signs."""


@dataclass(frozen=True)
class Checked:
    """What was read, with its signature checked."""

    claim: dict[str, Any]
    assertions: dict[str, bytes]
    """Label -> content as stored, whose hashes the claim holds."""
    boxes: dict[str, bytes]
    """Label -> the whole box without its head, which is what is hashed."""
    chain: list[x509.Certificate]


def checked(mp4: bytes) -> Checked:
    """The active manifest of an MP4. Raises InvalidSignature; AssertionError for another form."""
    [store] = [one[16:] for kind, one in _boxes(mp4) if kind == b"uuid" and one[:16] == _C2PA_BOX]
    # A version and flags, the purpose as text, and an offset stand before the store.
    store = store[4:]
    store = store[store.index(b"\x00") + 1 + 8 :]
    [(_, manifests)] = list(_boxes(store))
    manifest = [content for kind, content in _boxes(manifests) if kind == b"jumb"][-1]
    parts = {_label(content): content for kind, content in _boxes(manifest) if kind == b"jumb"}
    claim = next(_content(parts[name]) for name in parts if name.startswith("c2pa.claim"))
    [protected, unprotected, _, signature] = _cbor(_content(parts["c2pa.signature"]))[0]
    head = _cbor(protected)[0] | unprotected
    chain = [x509.load_der_x509_certificate(one) for one in head[_CERTIFICATES]]
    assert head[1] == -7, "ES256"
    signed = b"\x84" + _text("Signature1") + _bytes(protected) + _bytes(b"") + _bytes(claim)
    key = chain[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = (int.from_bytes(one) for one in (signature[:32], signature[32:]))
    key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    inside = [one for kind, one in _boxes(parts["c2pa.assertions"]) if kind == b"jumb"]
    return Checked(
        claim=_cbor(claim)[0],
        assertions={_label(one): _content(one) for one in inside},
        boxes={_label(one): one for one in inside},
        chain=chain,
    )


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4]) or len(content) - at
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def _label(jumbf: bytes) -> str:
    """A superbox begins with its description: a UUID, toggles and the label."""
    kind, description = next(_boxes(jumbf))
    assert kind == b"jumd"
    return description[17 : description.index(b"\x00", 17)].decode()


def _content(jumbf: bytes) -> bytes:
    return list(_boxes(jumbf))[1][1]


def _text(text: str) -> bytes:
    return _head(3, len(text)) + text.encode()


def _bytes(content: bytes) -> bytes:
    return _head(2, len(content)) + content


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = 1 if number < 1 << 8 else 2 if number < 1 << 16 else 4
    return bytes([kind << 5 | 23 + size.bit_length()]) + number.to_bytes(size)


def _cbor(content: bytes, at: int = 0) -> tuple[Any, int]:
    """The value at a place, and the place behind it (RFC 8949, what of it is used)."""
    kind, number = content[at] >> 5, content[at] & 31
    at += 1
    if kind == 7:
        simple = {20: False, 21: True, 22: None}
        return simple[number], at
    if number >= 24:
        size = 1 << (number - 24)
        number, at = int.from_bytes(content[at : at + size]), at + size
    match kind:
        case 0 | 1:
            return (number if kind == 0 else -1 - number), at
        case 2 | 3:
            found = content[at : at + number]
            return (found if kind == 2 else found.decode()), at + number
        case 4 | 5:
            values = []
            for _ in range(number * (kind - 3)):
                value, at = _cbor(content, at)
                values.append(value)
            pairs = zip(values[::2], values[1::2], strict=True)
            return (values if kind == 4 else dict(pairs)), at
        case _:  # a tag
            return _cbor(content, at)
