"""Generated clips on disk: `<id>.mp4` with its sidecar `<id>.json`, published together or not.

The clip is renamed to its public name last, and is served only while it is what the sidecar says.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.errors import ArtifactNotFound
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import Json, sha256_bytes, sha256_file, write_json

NAME = re.compile(r"[0-9a-f]{32}\.mp4")


@dataclass(frozen=True)
class Artifact:
    """A published clip."""

    name: str
    sha256: str
    bytes_: int

    @property
    def url(self) -> str:
        """Its path at this service."""
        return f"/artifacts/{self.name}"


class ArtifactStore:
    """One folder of artifacts; ids are random, so that none can be guessed from another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, frames: NDArray[np.uint8], fps: float, facts: dict[str, Json]) -> Artifact:
        """Encode [T, H, W, 3], write the sidecar with `facts`, then make the clip visible."""
        identifier = secrets.token_hex(16)
        pending = self._folder / f".{identifier}.partial.mp4"
        try:
            write_mp4(pending, frames, fps)
            artifact = Artifact(f"{identifier}.mp4", sha256_file(pending), pending.stat().st_size)
            sidecar: dict[str, Json] = {
                **facts,
                "schema_version": 1,
                "artifact": artifact.name,
                "sha256": artifact.sha256,
                "bytes": artifact.bytes_,
            }
            write_json(self._sidecar(artifact.name), sidecar)
            pending.rename(self._folder / artifact.name)
        finally:
            pending.unlink(missing_ok=True)
        return artifact

    def read(self, name: str) -> tuple[bytes, str]:
        """Bytes and SHA-256 of a published clip.

        The name is checked before the disk is touched, links are not followed, and the bytes
        returned are the bytes hashed. Raises ArtifactNotFound.
        """
        if not NAME.fullmatch(name):
            raise ArtifactNotFound("Artifacts are named <32 hexadecimal digits>.mp4.")
        try:
            content = _read_regular(self._folder / name)
            recorded = json.loads(_read_regular(self._sidecar(name)))
        except (OSError, ValueError):
            recorded = None
        found = sha256_bytes(content) if isinstance(recorded, dict) else None
        if found is None or recorded.get("sha256") != found or recorded.get("artifact") != name:
            raise ArtifactNotFound("No published artifact has this name.")
        return content, found

    def _sidecar(self, name: str) -> Path:
        return self._folder / f"{name.removesuffix('.mp4')}.json"


def _read_regular(path: Path) -> bytes:
    """A file's bytes. Raises OSError for links, folders, pipes and devices, and opens none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError("not a regular file")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()
