"""Looks for the marks of a generated video, each by itself, and says whether they agree.

Any one of them is an answer: credentials go when a file is encoded anew, the watermark when its
picture is cut, the register when the file is on another machine. Those three are a published
video's; a fourth its base's decoder may have drawn, published or not, which names no video.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slora_assets.config.errors import FootageError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import MadeWith
from slora_assets.marking.credentials import Read, read_credentials
from slora_assets.marking.drawn import Drawn, drawn
from slora_assets.marking.look import Look, look_at_file
from slora_assets.marking.register import Entry, find, known_ids
from slora_assets.marking.watermark import Mark, found, payload_digits, recognised
from slora_assets.provenance import sha256_file


@dataclass(frozen=True)
class Detection:
    """What was found in one file."""

    file: str
    sha256: str
    credentials: Read | None
    watermark: Mark | None
    register: Entry | None
    drawn: Drawn | None
    """By the decoder of which base."""
    undecoded: str | None
    """Why there are no pixels to look at."""

    @property
    def layers(self) -> list[str]:
        """The marks that say that the file was generated. Credentials that don't hold say nothing,
        nor does an entry whose signature is another's or whose content was changed."""
        read, entry = self.credentials, self.register
        told = {
            "credentials": read is not None and read.state != "invalid" and read.generated,
            "watermark": self.watermark is not None,
            "register": entry is not None and entry.state == "trusted",
            "decoder": self.drawn is not None,
        }
        return [name for name, says in told.items() if says]

    @property
    def ids(self) -> dict[str, str]:
        """What each of them says that the video's id is; a watermark holds its first eight
        digits."""
        said = {}
        if "credentials" in self.layers and self.credentials and self.credentials.id:
            said["credentials"] = self.credentials.id
        if self.watermark:
            said["watermark"] = payload_digits(self.watermark.payload)
        if "register" in self.layers and self.register:
            said["register"] = self.register.video.id
        return said

    @property
    def agree(self) -> bool | None:
        """Whether all say the same id; None where fewer than two say one."""
        said = list(self.ids.values())
        return len({one[:8] for one in said}) == 1 if len(said) > 1 else None

    @property
    def made_with(self) -> MadeWith | None:
        """What the video was made with, by the register, else by its credentials."""
        if "register" in self.layers and self.register:
            return self.register.video.made_with
        if "credentials" in self.layers and self.credentials and self.credentials.made_with:
            told = self.credentials.made_with
            known = {name: told[name] for name in MadeWith.model_fields if name in told}
            return MadeWith.model_validate(known)
        return None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        read, entry, mark = self.credentials, self.register, self.watermark
        made_with = self.made_with
        return {
            "file": self.file,
            "sha256": self.sha256,
            "generated": bool(self.layers),
            "found": self.layers,
            "agree": self.agree,
            "credentials": asdict(read) if read else None,
            "watermark": {
                "id": self.ids["watermark"],
                "fits": round(mark.fits, 1),
                "known": mark.known,
            }
            if mark
            else None,
            "register": {"id": entry.video.id, "state": entry.state, "found_by": entry.by}
            if entry
            else None,
            "decoder": asdict(self.drawn) if self.drawn else None,
            "undecoded": self.undecoded,
            "made_with": made_with.model_dump(mode="json") if made_with else None,
        }


def detect(workspace: Workspace, file: Path) -> Detection:
    """Look for all marks in a file. Raises MissingInputError where there is none."""
    if not file.is_file():
        raise MissingInputError("there is no such file", file=file, remedy="name a video")
    sha256, look, undecoded = sha256_file(file), None, None
    try:
        look = look_at_file(file)
    except FootageError as error:
        undecoded = error.what
    mark = (found(look.luma) or _recognised(workspace, look)) if look else None
    read = read_credentials(file)
    entry = find(
        workspace.register,
        sha256,
        payload_digits(mark.payload) if mark else None,
        look.fingerprint if look else [],
        read.id if read and read.state != "invalid" else None,
    )
    by = drawn(look.luma) if look else None
    return Detection(str(file), sha256, read, mark, entry, by, undecoded)


def _recognised(workspace: Workspace, look: Look) -> Mark | None:
    known = sorted(known_ids(workspace.register))
    return recognised(look.luma, [int(one, 16) for one in known])
