"""What a video says of itself in Content Credentials (C2PA): whether it may be trained on, and
whether a trained model made it.

Whoever signed it, and whether anybody trusts them: a wish not to be trained on is kept, and so is
the note that it was generated. Pixels are not looked at: a watermark alone is not noticed here.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from slora_assets.config.errors import FootageError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import FootageFile
from slora_assets.footage.files import stat_by_content
from slora_assets.processes.isolation import Task, isolated
from slora_assets.provenance import StatCache

_VERSION: Final = 2
"""Raise it when a change of the code changes what is read out of a file."""
_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The UUID of the box that holds credentials in MP4 and MOV."""
_MOST_BOXES: Final = 10_000
_LABELS: Final = ("c2pa.training-mining", "cawg.training-mining")
_GENERATED: Final = ("/trainedAlgorithmicMedia", "/compositeWithTrainedAlgorithmicMedia")
_MADE_WITH: Final = "org.slora.made-with"
_USES: Final = frozenset({"ai_generative_training", "ai_training", "data_mining"})


@dataclass(frozen=True)
class Said:
    """What a file's credentials say; empty texts where they say nothing, or can't be read."""

    refuses: str = ""
    """What forbids training on it: `cawg.ai_generative_training: notAllowed`."""
    generated: str = ""
    """By what it was generated, where a trained model had a part in it."""


def said_by(files: Mapping[str, FootageFile], workspace: Workspace) -> dict[str, Said]:
    """Of files, by clip, those whose credentials say something. A file is looked at again when it
    has changed."""
    cache: StatCache[list[str]] = StatCache(_cache_file(workspace))
    paths = {clip: workspace.root / file.path for clip, file in files.items()}
    keys = {clip: _key(file.path) for clip, file in files.items()}
    stats = {clip: stat_by_content(paths[clip], file) for clip, file in files.items()}
    found = {clip: cache.get(paths[clip], keys[clip], stats[clip]) for clip in files}
    for clip in [clip for clip, known in found.items() if known is None]:
        if stats[clip] is None and not has_credentials(paths[clip]):
            found[clip] = []
            cache.put(paths[clip], keys[clip], [])
    todo = [clip for clip, known in found.items() if known is None]
    read = isolated(said_in, (Task(paths[c], (paths[c],), files[c].sha256) for c in todo))
    for clip, said in zip(todo, read, strict=True):
        if not isinstance(said, FootageError):
            found[clip] = _kept(said)
            cache.put(paths[clip], keys[clip], _kept(said), stats[clip])
    cache.save()
    return {clip: Said(*said) for clip, said in found.items() if said}


def remember_said(
    workspace: Workspace, files: Mapping[str, FootageFile], said: Mapping[str, Said]
) -> None:
    """Keep what files said, by clip, that lie at a URL: they were here a moment ago."""
    if not said:
        return
    cache: StatCache[list[str]] = StatCache(_cache_file(workspace), forget=False)
    for clip in said.keys() & files.keys():
        file, path = files[clip], workspace.root / files[clip].path
        cache.put(path, _key(file.path), _kept(said[clip]), stat_by_content(path, file))
    cache.save()


def _cache_file(workspace: Workspace) -> Path:
    return workspace.metadata / ".credentials.json"


def _key(path: str) -> str:
    return f"{_VERSION} {path}"


def _kept(said: Said) -> list[str]:
    return [] if said == Said() else [said.refuses, said.generated]


def said_in(path: Path) -> Said:
    """What the credentials of one video say."""
    if not has_credentials(path):
        return Said()
    import c2pa

    with path.open("rb") as stream:
        kind = "video/avi" if _is_riff(stream) else "video/mp4"
        try:
            with c2pa.Reader(kind, stream) as reader:
                store = json.loads(reader.json())
        except (c2pa.C2paError, ValueError):
            return Said()
    manifests = list(_manifests(store))
    return Said(
        ", ".join(sorted(set(_forbidden(manifests)))),
        next(filter(None, map(_made_by, manifests)), ""),
    )


def _manifests(store: object) -> Iterator[Mapping[str, object]]:
    """All of a store, the active one first."""
    match store:
        case {"manifests": {**manifests}, "active_manifest": active}:
            order = [active, *(one for one in manifests if one != active)]
            yield from (one for one in map(manifests.get, order) if isinstance(one, dict))


def _made_by(manifest: Mapping[str, object]) -> str:
    """What made it, where the manifest says that a trained model did."""
    match manifest:
        case {"assertions": [*assertions]}:
            if not any(map(_is_generated, assertions)):
                return ""
            for assertion in assertions:
                match assertion:
                    case {"label": str(label), "data": {"id": str(name)}} if label == _MADE_WITH:
                        return f"slora, video {name}"
            return _generator(manifest)
    return ""


def _is_generated(assertion: object) -> bool:
    match assertion:
        case {"label": str(label), "data": {"actions": [*actions]}}:
            kinds = [one.get("digitalSourceType") for one in actions if isinstance(one, dict)]
            told = [kind for kind in kinds if isinstance(kind, str)]
            return label.startswith("c2pa.actions") and any(k.endswith(_GENERATED) for k in told)
    return False


def _generator(manifest: Mapping[str, object]) -> str:
    match manifest:
        case {"claim_generator_info": [{"name": str(name)}, *_]}:
            return name
    return "a trained model"


def _forbidden(manifests: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Uses that any of the manifests, ingredients' among them, doesn't allow."""
    for manifest in manifests:
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
