"""Generated clips on disk: `<id>.mp4`, marked as generated, with its sidecar `<id>.json`; published
together, with an entry in the register and one in the ledger, or not at all.

The clip is renamed to its public name last, and is served only while it is what the sidecar says.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from api.errors import ArtifactGone, ArtifactNotFound
from api.service_log import service_log
from slora_assets.config.environment import STORE
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import MadeWith
from slora_assets.marking.marked import new_id, write_marked
from slora_assets.marking.register import register
from slora_assets.provenance import Json, known_sha256, sha256_bytes, write_json
from slora_assets.provenance.ledger import erase_from_record, put_on_record

if TYPE_CHECKING:
    from slora_assets.storage.served import StoredClips

_LOG = service_log()

NAME = re.compile(r"[0-9a-f]{32}\.mp4")
_NAMES = "Artifacts are named <32 hexadecimal digits>.mp4."
_GONE = (
    "This clip was published here and is erased since: somebody deleted it, or it was beyond what"
    " the presets' limits keep. Remedy: generate it again; the same request gives the same clip."
)
_NONE = "No published artifact has this name."


@dataclass(frozen=True)
class Artifact:
    """A published clip."""

    name: str
    sha256: str
    bytes_: int

    @property
    def id(self) -> str:
        """What its credentials, its watermark and the register call it."""
        return self.name.removesuffix(".mp4")

    @property
    def url(self) -> str:
        """Its path at this service."""
        return f"/artifacts/{self.name}"


class ArtifactStore:
    """A workspace's artifacts; ids are random, so that none can be guessed from another."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._folder = workspace, workspace.artifacts
        self._elsewhere: StoredClips | None = None
        if os.environ.get(STORE):
            from slora_assets.storage.served import StoredClips

            self._elsewhere = StoredClips.from_environment(workspace)

    def publish(
        self,
        frames: NDArray[np.uint8],
        fps: float,
        facts: dict[str, Json],
        parents: Iterable[Path] = (),
    ) -> Artifact:
        """Encode [T, H, W, 3] with its marks, write the sidecar with `facts` and put it on record
        as made from `parents`, register the clip, then make it visible.

        Raises MarkingError, UnreadableError, IntegrityError: nothing is left then that says that
        there is such a clip.
        """
        identifier = new_id(frames, self._workspace.register)
        artifact_file = self._folder / f"{identifier}.mp4"
        pending, sidecar = self._folder / f".{identifier}.partial.mp4", self._sidecar(identifier)
        entry = self._workspace.register / sidecar.name
        try:
            video = write_marked(pending, frames, fps, identifier, _made_with(facts))
            artifact = Artifact(artifact_file.name, video.sha256, pending.stat().st_size)
            told: dict[str, Json] = {
                **facts,
                "schema_version": 2,
                "artifact": artifact.name,
                "sha256": artifact.sha256,
                "bytes": artifact.bytes_,
            }
            write_json(sidecar, told)
            put_on_record(self._workspace, "video", sidecar, parents)
            register(entry.parent, video)
            put_on_record(self._workspace, "entry", entry, [sidecar])
            pending.rename(artifact_file)
        except BaseException:
            written = [one for one in (entry, sidecar) if one.exists()]
            for one in written:
                one.unlink()
            for one in written:
                erase_from_record(self._workspace, one)
            raise
        finally:
            pending.unlink(missing_ok=True)
        return artifact

    def read(self, name: str) -> tuple[bytes, str]:
        """Bytes and SHA-256 of a published clip.

        The name is checked before the disk is touched, links are not followed, and the bytes
        returned are the bytes hashed. Raises ArtifactNotFound.
        """
        recorded = self.sidecar(name)
        if not (self._folder / name).exists():
            self._fetched(name)
        try:
            content = _read_regular(self._folder / name)
        except OSError as error:
            raise ArtifactNotFound(_NONE) from error
        found = sha256_bytes(content)
        if recorded.get("sha256") != found:
            raise ArtifactNotFound(_NONE)
        return content, found

    def sidecar(self, name: str) -> dict[str, Json]:
        """What is written beside a published clip. Raises ArtifactNotFound."""
        if not NAME.fullmatch(name):
            raise ArtifactNotFound(_NAMES)
        if self._elsewhere and not self._sidecar(name.removesuffix(".mp4")).exists():
            self._fetched(name)
        try:
            told = json.loads(_read_regular(self._sidecar(name.removesuffix(".mp4"))))
        except FileNotFoundError as error:
            known = (self._workspace.register / f"{name.removesuffix('.mp4')}.json").is_file()
            if known and not (self._folder / name).exists():
                raise ArtifactGone(_GONE) from error
            raise ArtifactNotFound(_NONE) from error
        except (OSError, ValueError, RecursionError) as error:
            raise ArtifactNotFound(_NONE) from error
        if not isinstance(told, dict) or told.get("artifact") != name:
            raise ArtifactNotFound(_NONE)
        return told

    def hash_of(self, name: str) -> str | None:
        """SHA-256 of a clip that is there and is what its sidecar says; None of others."""
        with suppress(ArtifactNotFound, OSError):
            told = self.sidecar(name).get("sha256")
            found = known_sha256(self._folder / name)
            return found if found == told else None
        return None

    def job_of(self, name: str) -> str | None:
        """The job that made a published clip; None where nobody says."""
        with suppress(ArtifactNotFound):
            return str(self.sidecar(name).get("job"))
        return None

    def made_for(self, job: str) -> str | None:
        """The published clip of a job."""
        for sidecar in self._folder.glob("[0-9a-f]*.json"):
            name = f"{sidecar.stem}.mp4"
            with suppress(ArtifactNotFound):
                if self.sidecar(name).get("job") == job and (self._folder / name).is_file():
                    return name
        return None

    def try_writing(self) -> None:
        """Raise OSError where no clip could be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".partial") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())

    def erase(self, name: str) -> None:
        """Delete a published clip and what is written beside it; nothing where there is none."""
        if not NAME.fullmatch(name):
            raise ArtifactNotFound(_NAMES)
        if self._elsewhere:  # before: what is here still is erased by whoever asks again
            self._elsewhere.erase(name.removesuffix(".mp4"))
        (self._folder / name).unlink(missing_ok=True)
        sidecar = self._sidecar(name.removesuffix(".mp4"))
        if sidecar.exists():
            sidecar.unlink()
            erase_from_record(self._workspace, sidecar)

    @property
    def has_a_store(self) -> bool:
        """Whether clips are kept elsewhere, too."""
        return self._elsewhere is not None

    def send_all(self) -> None:
        """Publish to the store what it has not yet; what fails now is sent the next time."""
        if self._elsewhere:
            try:
                self._elsewhere.send_all()
            except SloraError as error:
                _LOG.warning("clips are not in the store yet: %s", error)

    def _fetched(self, name: str) -> None:
        """Have a clip that was published elsewhere, if the store has it."""
        if self._elsewhere:
            try:
                self._elsewhere.fetch(name.removesuffix(".mp4"))
            except SloraError as error:
                _LOG.warning("a clip can't be had from the store: %s", error)
                raise ArtifactNotFound(_NONE) from error

    def _sidecar(self, identifier: str) -> Path:
        return self._folder / f"{identifier}.json"


def _made_with(facts: dict[str, Json]) -> MadeWith:
    """What the clip itself says of how it was made, of all that the sidecar says."""
    told = {name: facts[name] for name in MadeWith.model_fields if name in facts and name != "base"}
    base = facts.get("base")
    if isinstance(base, dict):
        told |= {"base": base["name"], "base_parts": base["parts"]}
        told |= {"base_revision": base["revision"], "base_licence": base["licence"]}
    return MadeWith.model_validate(told)


def _read_regular(path: Path) -> bytes:
    """A file's bytes. Raises OSError for links, folders, pipes and devices, and opens none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError("not a regular file")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()
