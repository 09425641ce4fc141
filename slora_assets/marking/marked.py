"""A generated clip as a marked file: watermark, MP4 and Content Credentials under one id, which the
register gets as well. Or nothing: what doesn't show its marks is not written."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from slora_assets.config.errors import MarkingError
from slora_assets.documents import MadeWith, RegisteredVideo
from slora_assets.footage.encode import write_mp4
from slora_assets.marking.credentials import read_credentials, sign_video
from slora_assets.marking.look import look_at_file
from slora_assets.marking.register import known_ids
from slora_assets.marking.watermark import ID_DIGITS, cheapest, embedded, found, payload_digits
from slora_assets.provenance import sha256_file

LAYERS: Final = ("credentials", "watermark", "register")
"""What marks a published clip."""

_CANDIDATES: Final = 256
"""Ids that are drawn, of which the one is taken that changes the picture least."""


def new_id(frames: NDArray[np.uint8], folder: Path) -> str:
    """32 hexadecimal digits that nobody can guess; the first eight are in no other id of the
    register in `folder`."""
    drawn = {secrets.token_hex(ID_DIGITS // 2) for _ in range(_CANDIDATES)} - known_ids(folder)
    best = cheapest(frames, [int(one, 16) for one in sorted(drawn)])
    return f"{best:0{ID_DIGITS}x}{secrets.token_hex(16 - ID_DIGITS // 2)}"


def write_marked(
    path: Path, frames: NDArray[np.uint8], fps: float, identifier: str, made_with: MadeWith
) -> RegisteredVideo:
    """Write [T, H, W, 3] RGB as MP4 with watermark and credentials, and say what the register has
    to know of it. Raises MarkingError, UnreadableError: then there is no file."""
    unsigned = path.with_name(f"{path.stem}.unsigned{path.suffix}")
    try:
        write_mp4(unsigned, embedded(frames, int(identifier[:ID_DIGITS], 16)), fps)
        look = look_at_file(unsigned)
        mark = found(look.luma)
        if mark is None or payload_digits(mark.payload) != identifier[:ID_DIGITS]:
            raise _unmarked("watermark", f"no mark in {frames.shape[2]} x {frames.shape[1]} pixels")
        sign_video(unsigned, path, identifier, made_with)
        read = read_credentials(path)
        if read is None or read.state != "trusted" or read.id != identifier:
            raise _unmarked("Content Credentials", str(read))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        unsigned.unlink(missing_ok=True)
    return RegisteredVideo(
        id=identifier,
        sha256=sha256_file(path),
        fingerprint=look.fingerprint,
        made=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        made_with=made_with,
    )


def _unmarked(layer: str, found_: str) -> MarkingError:
    return MarkingError(
        f"the clip doesn't show its {layer}, so it is not published",
        found=found_,
        expected="every published clip is marked as generated",
        remedy="generate clips of at least 32 x 32 pixels; see whether the folder of keys is whole",
    )
