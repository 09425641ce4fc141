"""Which names a clip may have: they become the names of its picture, its latent and its file."""

from __future__ import annotations

import re
from typing import Final

from slora_assets.config.text import unwelcome

_MOST_BYTES: Final = 200
"""File systems take 255, and endings come behind."""
_PLAIN: Final = re.compile(r"[\w-][\w. -]{0,198}[\w-]|[\w-]", re.ASCII)

EXPECTED: Final = (
    f"the name of one file, of at most {_MOST_BYTES} bytes, without '/', '\\' or a dot in front"
)


def is_clip_id(name: str) -> bool:
    """Whether a file in a folder of ours can be called so, and no file anywhere else."""
    if _PLAIN.fullmatch(name):
        return True
    return (
        bool(name)
        and name == name.strip()
        and not name.startswith(".")
        and not any(character in "/\\\0" for character in name)
        and not unwelcome(name)
        and "\n" not in name
        and len(name.encode("utf-8", "surrogatepass")) <= _MOST_BYTES
    )
