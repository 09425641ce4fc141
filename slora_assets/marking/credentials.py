"""Content Credentials (C2PA) of generated videos and of adapters: written, and read again.

A video carries them inside, signed last of all. A file that has to stay as it is (an adapter) has
them beside it, bound to its bytes by their hash. An authority stamps them with its time where
SLORA_TSA_URL names one.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

from slora_assets import __version__
from slora_assets.config.environment import TIME_STAMPS
from slora_assets.config.errors import UnreadableError
from slora_assets.documents import MadeWith
from slora_assets.marking.certificates import credentials, trusted_roots
from slora_assets.provenance import Json

if TYPE_CHECKING:
    import c2pa

VIDEO: Final = "video/mp4"
ANY_FILE: Final = "application/octet-stream"
MADE_WITH: Final = "org.slora.made-with"
_GENERATED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_TRAINED: Final = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"
_SOFT_BINDING: Final = "org.slora.watermark.1"
_ACTIONS: Final = "c2pa.actions.v2"
_DISCLOSURE: Final = "c2pa.ai-disclosure"

State = Literal["trusted", "valid", "invalid"]
"""`valid`: signed and unchanged, by somebody whose root is not known here."""


@dataclass(frozen=True)
class Read:
    """What a file's credentials say."""

    state: State
    by: str
    """Who signed them, as their certificate names them."""
    generated: bool
    """Whether they say that a trained model made it."""
    id: str | None
    """Of a video that slora made."""
    made_with: Mapping[str, Any] | None
    """What slora wrote into them."""
    faults: tuple[str, ...]
    """C2PA's codes of what doesn't hold."""
    stamped: str | None = None
    """When, by a time-stamping authority (ISO 8601)."""
    stamp_trusted: bool = False
    """Whether that authority's root is known here."""


def sign_video(source: Path, target: Path, identifier: str, made_with: MadeWith) -> None:
    """Write `source` to `target` with credentials. Raises UnreadableError where that fails."""
    told = _video(identifier, made_with)
    with source.open("rb") as stream, target.open("w+b") as signed:
        _sign(told, VIDEO, stream, signed)


def sign_beside(file: Path, told: Mapping[str, Json], title: str) -> bytes:
    """Credentials of a file that stays as it is, to be kept beside it: that slora
    trained it, and `told`. Raises UnreadableError."""
    actions = [{"action": "c2pa.created", "digitalSourceType": _TRAINED, "softwareAgent": _agent()}]
    definition = {
        **_beginning(title, ANY_FILE),
        "assertions": [
            _assertion(_ACTIONS, {"actions": actions}),
            _assertion(MADE_WITH, told),
        ],
    }
    with file.open("rb") as stream:
        kept = _sign(definition, ANY_FILE, stream, io.BytesIO(), beside=True)
    read = read_beside(file, kept)
    if read is None or read.state != "trusted":
        raise UnreadableError(
            "Content Credentials don't hold as soon as they are signed",
            file=file,
            found=str(read),
            remedy="see whether the folder of keys is whole and the clock is right",
        )
    return kept


def read_credentials(file: Path) -> Read | None:
    """Those in a video of any format; None where it has none. Never raises for what it holds."""
    with file.open("rb") as stream:
        return _read(None, stream, None)


def read_beside(file: Path, kept: bytes) -> Read | None:
    """Those that are kept beside a file, held against its bytes as they are."""
    with file.open("rb") as stream:
        return _read(ANY_FILE, stream, kept)


def _video(identifier: str, made_with: MadeWith) -> dict[str, Any]:
    adapter, base = made_with.adapter_sha256, made_with.base
    ingredients = []
    if adapter is not None:
        ingredients.append(_ingredient("adapter", f"LoRA adapter {adapter[:16]}", adapter))
    if base is not None:
        ingredients.append(_ingredient("base", f"{base} {made_with.base_revision}", None))
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _GENERATED,
        "softwareAgent": _agent(),
        "parameters": {"ingredientIds": [one["label"] for one in ingredients]},
    }
    model = {"modelName": base, "modelIdentifier": made_with.base_revision}
    disclosure = {"modelType": "c2pa.types.model"} | {k: v for k, v in model.items() if v}
    blocks = [{"scope": {}, "value": identifier[:8]}]
    told: dict[str, Json] = {"id": identifier, **made_with.model_dump(mode="json")}
    return {
        **_beginning(f"{identifier}.mp4", VIDEO),
        "ingredients": ingredients,
        "assertions": [
            _assertion(_ACTIONS, {"actions": [created, {"action": "c2pa.watermarked.bound"}]}),
            _assertion(_DISCLOSURE, disclosure),
            _assertion("c2pa.soft-binding", {"alg": _SOFT_BINDING, "blocks": blocks}),
            _assertion(MADE_WITH, told),
        ],
    }


def _beginning(title: str, kind: str) -> dict[str, Any]:
    return {"claim_generator_info": [_agent()], "title": title, "format": kind}


def _assertion(label: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Made by slora itself, not gathered from elsewhere."""
    return {"label": label, "data": data, "created": True}


def _agent() -> dict[str, str]:
    return {"name": "slora", "version": __version__}


def _ingredient(label: str, title: str, sha256: str | None) -> dict[str, Any]:
    known = {"instance_id": f"urn:sha256:{sha256}"} if sha256 else {}
    return {
        "label": label,
        "title": title,
        "format": ANY_FILE,
        "relationship": "inputTo",
        "data_types": [{"type": "c2pa.types.model"}],
        **known,
    }


def _sign(
    told: Mapping[str, Any], kind: str, source: BinaryIO, target: BinaryIO, *, beside: bool = False
) -> bytes:
    import c2pa

    own, authority = credentials(), os.environ.get(TIME_STAMPS) or None
    stamps = authority.encode() if authority else None
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", own.chain, own.key, stamps))
        with _context(trusted_roots()) as context:
            builder = c2pa.Builder(json.dumps(told), context=context)
            if beside:
                builder.set_no_embed()
            manifest: bytes = builder.sign(signer, kind, source, target)
    except (c2pa.C2paError, OSError) as error:
        raise UnreadableError(
            f"Content Credentials can't be signed ({error})",
            remedy="see whether the folder of keys and the disk can be written"
            + (f", and whether {authority} ({TIME_STAMPS}) answers" if authority else ""),
        ) from error
    return manifest


def _read(kind: str | None, stream: BinaryIO, kept: bytes | None) -> Read | None:
    import c2pa

    try:
        with _context(trusted_roots()) as context:
            reader = c2pa.Reader.try_create(kind, stream, kept, context=context)
            if reader is None:
                return None
            with reader:
                store = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:  # no format that could hold any
        return None
    except (c2pa.C2paError, ValueError) as error:
        return Read("invalid", "", False, None, None, (str(error)[:120],))
    return _told(store)


@lru_cache(maxsize=4)
def _settings(roots: bytes) -> c2pa.Settings:
    import c2pa

    trust = {"user_anchors": roots.decode()} if roots else {}
    # Whoever signs reads the file again, with the roots that are trusted here.
    return c2pa.Settings.from_dict({"trust": trust, "verify": {"verify_after_sign": False}})


def _context(roots: bytes) -> c2pa.Context:
    import c2pa

    return c2pa.Context(_settings(roots))


def _told(store: Mapping[str, Any]) -> Read:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    said = {one["label"]: one["data"] for one in manifest.get("assertions", [])}
    actions = [
        one
        for label, data in said.items()
        if label.startswith("c2pa.actions")
        for one in data.get("actions", [])
    ]
    ours = said.get(MADE_WITH)
    states: dict[str, State] = {"Trusted": "trusted", "Valid": "valid"}
    untrusted = "signingCredential.untrusted"
    codes = (str(one.get("code")) for one in store.get("validation_status", []))
    signed = manifest.get("signature_info", {})
    looked = store.get("validation_results", {}).get("activeManifest", {})
    held = {one.get("code") for one in looked.get("success", [])}
    return Read(
        state=states.get(store.get("validation_state", ""), "invalid"),
        by=str(signed.get("common_name") or signed.get("issuer") or ""),
        generated=any(one.get("digitalSourceType") == _GENERATED for one in actions),
        id=ours.get("id") if isinstance(ours, dict) else None,
        made_with=ours if isinstance(ours, dict) else None,
        faults=tuple(code for code in codes if code != untrusted),
        stamped=signed.get("time") if "timeStamp.validated" in held else None,
        stamp_trusted="timeStamp.trusted" in held,
    )
