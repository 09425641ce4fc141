"""What a video says of itself in Content Credentials (C2PA): whether it may be trained on.

Whoever signed it, and whether anybody trusts them: a wish not to be trained on is kept.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile
from slora_assets.processes.isolation import isolated
from slora_assets.provenance import StatCache

_VERSION: Final = 1
"""Raise it when a change of the code changes what is read out of a file."""
_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The UUID of the box that holds credentials in MP4 and MOV."""
_MOST_BOXES: Final = 10_000
_LABELS: Final = ("c2pa.training-mining", "cawg.training-mining")
_USES: Final = frozenset({"ai_generative_training", "ai_training", "data_mining"})


def refusals(files: Mapping[str, FootageFile], workspace: Workspace) -> dict[str, str]:
    """Of files, by clip, those that say that they may not be trained on, with what they say. A file
    is looked at again when it has changed."""
    cache: StatCache[str] = StatCache(workspace.metadata / ".credentials.json")
    paths = {clip: workspace.root / file.path for clip, file in files.items()}
    keys = {clip: f"{_VERSION} {file.path}" for clip, file in files.items()}
    found = {clip: cache.get(paths[clip], keys[clip]) for clip in files}
    for clip in [clip for clip, known in found.items() if known is None]:
        if not has_credentials(paths[clip]):
            found[clip] = ""
            cache.put(paths[clip], keys[clip], "")
    todo = [clip for clip, known in found.items() if known is None]
    read = isolated(training_refusal, ((paths[clip], (paths[clip],)) for clip in todo))
    for clip, said in zip(todo, read, strict=True):
        if not isinstance(said, FootageError):
            found[clip] = said
            cache.put(paths[clip], keys[clip], said)
    cache.save()
    return {clip: said for clip, said in found.items() if said}


def training_refusal(path: Path) -> str:
    """What forbids training on the video: `cawg.ai_generative_training: notAllowed`; empty where
    nothing does, or where its credentials can't be read."""
    import c2pa

    with path.open("rb") as stream:
        kind = "video/avi" if _is_riff(stream) else "video/mp4"
        try:
            with c2pa.Reader(kind, stream) as reader:
                store = json.loads(reader.json())
        except (c2pa.C2paError, ValueError):
            return ""
    return ", ".join(sorted(set(_forbidden(store))))


def _forbidden(store: object) -> Iterator[str]:
    """Uses that any manifest of the store, its ingredients' among them, doesn't allow."""
    manifests = store.get("manifests") if isinstance(store, dict) else None
    for manifest in manifests.values() if isinstance(manifests, dict) else ():
        match manifest:
            case {"assertions": [*assertions]}:
                for assertion in assertions:
                    yield from _not_allowed(assertion)


def _not_allowed(assertion: object) -> Iterator[str]:
    match assertion:
        case {"label": str(label), "data": {"entries": {**entries}}} if label.startswith(_LABELS):
            for name, entry in entries.items():
                match entry:
                    case {"use": "notAllowed"} if str(name).rpartition(".")[2] in _USES:
                        yield f"{name}: notAllowed"


def has_credentials(path: Path) -> bool:
    """Whether there is anything to read: the boxes of the file are walked, no more."""
    try:
        with path.open("rb") as stream:
            if _is_riff(stream):
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    return content.find(b"C2PA") >= 0
            return any(kind == b"uuid" and start == _BOX for kind, start in _boxes(stream))
    except (OSError, ValueError):
        return False


def _is_riff(stream: BinaryIO) -> bool:
    stream.seek(0)
    beginning = stream.read(4)
    stream.seek(0)
    return beginning == b"RIFF"


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Type and first bytes of the boxes of an MP4; of what is none, whatever stands there."""
    at = 0
    for _ in range(_MOST_BOXES):
        stream.seek(at)
        header = stream.read(32)
        if len(header) < 8:
            return
        size, begins = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, begins = int.from_bytes(header[8:16], "big"), 16
        yield header[4:8], header[begins : begins + 16]
        if size < begins:  # to the file's end, or no box
            return
        at += size
