"""Files and folders signed with OpenSSF model-signing: who vouches for exactly these bytes.

A signature is a Sigstore bundle. Made with the key of `keys.py` it is checked offline, by whoever
has the public half; keyless it is made by way of sigstore's services, and says who signed in there.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.config.errors import IntegrityError, MissingInputError, UnreadableError
from slora_assets.provenance.files import replacing
from slora_assets.provenance.keys import private_key_file
from slora_assets.provenance.stat_cache import file_stamp
from slora_assets.provenance.trust import Stamp, trust_stamp, trusted_keys, untrusted

if TYPE_CHECKING:
    from model_signing.hashing import Config as Hashing

# model-signing takes most of a second to import: only where somebody signs or checks.

FOLDER_SIGNATURE: Final = "model.sig"
"""Of a folder, in it: the name that model-signing gives it, too."""
KEYLESS_SIGNATURE: Final = "model.sigstore.json"
"""Likewise by way of sigstore."""
FILE_SIGNATURE: Final = ".sig"
"""What the signature of a file is called beside it, after its name."""
UNSIGNED_FILES: Final = (FOLDER_SIGNATURE, KEYLESS_SIGNATURE)
"""What is in a signed folder without being signed."""

_REMEDY: Final = "if it is as it was left, run `slora sign`"


def signature_of(path: Path) -> Path:
    """Where the signature of a file or of a folder lies."""
    if path.is_dir():
        return path / FOLDER_SIGNATURE
    return path.with_name(f"{path.name}{FILE_SIGNATURE}")


def sign(path: Path, what: str = "it") -> str:
    """Sign a file, or a folder with all that is in it, with one's own key; where a trusted one
    signed it as it stands nothing changes. Returns who signed, by fingerprint."""
    from model_signing import signing

    try:
        return signer_of(path, what)
    except (IntegrityError, MissingInputError):
        pass
    with replacing(signature_of(path)) as temporary:
        config = signing.Config().set_hashing_config(_hashing())
        config.use_elliptic_key_signer(private_key=private_key_file())
        try:
            config.sign(path, temporary)
        except ValueError as error:  # a link among the files
            raise UnreadableError(f"{what} can't be signed ({error})", file=path) from error
    return signer_of(path, what)


def signer_of(path: Path, what: str = "it") -> str:
    """Fingerprint of the trusted key by which a file or a folder is signed as it stands; `what`
    says for people what that is.

    Looked at again when any of its files changes. Raises MissingInputError where there is no
    signature, IntegrityError for one that isn't right or by a key that is not trusted here.
    """
    signature = signature_of(path)
    if not signature.is_file():
        raise MissingInputError(f"{what} is not signed", file=path, remedy=_REMEDY)
    return _signer_at(path, signature, what, _stamp(path, signature), trust_stamp())


def sign_keyless(path: Path, identity_token: str | None = None, in_browser: bool = True) -> Path:
    """Sign a folder by way of sigstore's public services, to which one signs in; returns the
    signature. Raises UnreadableError where that fails."""
    from model_signing import signing

    signature = path / KEYLESS_SIGNATURE
    with replacing(signature) as temporary:
        try:
            config = signing.Config().set_hashing_config(_hashing())
            config.use_sigstore_signer(
                identity_token=identity_token,
                use_ambient_credentials=True,
                force_oob=not in_browser,
            )
            config.sign(path, temporary)
        except Exception as error:  # all that networks and services may answer
            raise UnreadableError(
                f"sigstore did not sign ({type(error).__name__}: {error})",
                file=path,
                remedy="keyless signatures need the network and a sign-in; without them sign with"
                " your key (`slora sign`)",
            ) from error
    return signature


def refuse_other_keyless(path: Path, identity: str, issuer: str) -> None:
    """Raise IntegrityError for a folder that this person did not sign by way of sigstore as it
    stands, MissingInputError where there is no such signature."""
    from model_signing import verifying

    signature = path / KEYLESS_SIGNATURE
    if not signature.is_file():
        remedy = "run `slora sign FOLDER --keyless`"
        raise MissingInputError("it has no keyless signature", file=path, remedy=remedy)
    try:
        config = verifying.Config().set_hashing_config(_hashing())
        config.use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
        config.verify(path, signature)
    except Exception as error:  # whatever a forged bundle makes the library raise
        raise IntegrityError(
            f"its keyless signature is not {identity}'s, or not of these bytes ({error})",
            file=signature,
        ) from error


@lru_cache(maxsize=256)
def _signer_at(path: Path, signature: Path, what: str, stamp: Stamp, trust: Stamp) -> str:
    """Who signed what stood there at `stamp`."""
    from model_signing import verifying

    fingerprint = _named(signature)
    key = trusted_keys().get(fingerprint)
    if key is None:
        raise untrusted(fingerprint, signature, what)
    try:
        config = verifying.Config().set_hashing_config(_hashing())
        config.use_elliptic_key_verifier(public_key=key).verify(path, signature)
    except Exception as error:  # whatever a forged bundle makes the library raise
        raise IntegrityError(
            f"{what} is not what was signed",
            file=path,
            found=str(error) or type(error).__name__,
            remedy=f"restore it from a copy; {_REMEDY}",
        ) from error
    return fingerprint


def _named(signature: Path) -> str:
    """The key that a bundle says it was made with."""
    try:
        bundle = json.loads(signature.read_bytes())
        named = bundle["verificationMaterial"]["publicKey"]["hint"]
        statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        ignored = statement["predicate"]["serialization"].get("ignore_paths", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        named, ignored = None, []
    if not isinstance(named, str) or not set(map(str, ignored)).issubset(UNSIGNED_FILES):
        raise IntegrityError(
            "the file holds no signature of a whole file or folder by a key",
            file=signature,
            remedy=_REMEDY,
        )
    return named


def _stamp(path: Path, signature: Path) -> Stamp:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple((str(file), file_stamp(file)) for file in [signature, *files])


def _hashing() -> Hashing:
    """How files are hashed: all of them but signatures, and with what git keeps."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=UNSIGNED_FILES, ignore_git_paths=False)
