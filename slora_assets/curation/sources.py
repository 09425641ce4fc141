"""One video, one source, however its address is written: what decides on which side of the split
all of its clips are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

if TYPE_CHECKING:
    import polars as pl

_YOUTUBE: Final = frozenset({"youtube.com", "youtube-nocookie.com", "youtu.be"})
_VIDEO_ID: Final = re.compile(r"[\w-]{6,}", re.ASCII)
_CANONICAL: Final = re.compile(r"https://www\.youtube\.com/watch\?v=[\w-]{6,}", re.ASCII)
_MOMENT: Final = frozenset({"t", "start", "end", "time_continue", "si", "feature"})
"""Keys of an address that say where playing begins or who shared it, not which video it is."""
_PLAIN: Final = (
    r"^[A-Za-z0-9_-]+$|^https://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[A-Za-z0-9_.%/-]*[\w.%-])?$"
)
"""A name, or an address with nothing to leave out, but for these:"""
_NOT_PLAIN: Final = r"youtu|^https://www\."
_ADDRESS: Final = re.compile(r"(https?:)?//\S+|(www\.|m\.)?youtu(\.be|be\.com)/\S+", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def canonical_source(source: str) -> str:
    """The source as all of its spellings are: of a YouTube address its `watch?v=`, of another one
    with https, without `www.`, place to begin and sharer; anything else stays as it is."""
    if _CANONICAL.fullmatch(source):
        return source
    text = source.strip()
    if not _ADDRESS.fullmatch(text):
        return text
    try:
        address = urlsplit(text if "//" in text[:8] else f"//{text}")
        host = (address.hostname or "").removeprefix("www.")
        port = f":{address.port}" if address.port not in (None, 80, 443) else ""
    except ValueError:  # an address that is none is as good a name as another
        return text
    if host.removeprefix("m.").removeprefix("music.") in _YOUTUBE:
        video = next((one for one in _youtube_ids(address) if _VIDEO_ID.fullmatch(one)), None)
        if video is not None:
            return f"https://www.youtube.com/watch?v={video}"
    kept = [part for part in address.query.split("&") if part and not _says_moment(part)]
    query = f"?{'&'.join(kept)}" if kept else ""
    return f"https://{host}{port}{address.path.rstrip('/')}{query}"


def canonical_sources(sources: pl.Series) -> pl.Series:
    """The same of many, without nulls: those that are plainly as all spellings are stay as they
    are, and only the others are looked at one by one."""
    import polars as pl

    plain = sources.str.contains(_PLAIN) & ~sources.str.contains(_NOT_PLAIN)
    odd = (~plain).arg_true()
    others = [canonical_source(one) for one in sources.gather(odd)]
    return sources.scatter(odd, pl.Series(others, dtype=pl.String))


def _says_moment(part: str) -> bool:
    key = part.partition("=")[0].lower()
    return key in _MOMENT or key.startswith("utm_")


def _youtube_ids(address: SplitResult) -> Iterator[str]:
    """What may be the video's id, likeliest first."""
    yield from parse_qs(address.query).get("v", [])
    parts = [part for part in address.path.split("/") if part]
    if (address.hostname or "").endswith("youtu.be"):
        yield from parts[:1]
    elif len(parts) > 1 and parts[0] in ("embed", "v", "e", "shorts", "live"):
        yield parts[1]


def source_file(source: str) -> str:
    """The stem of the file that holds a source video: an address's `v`, else its last part."""
    try:
        address = urlsplit(source)
    except ValueError:
        return PurePosixPath(source).stem
    video = parse_qs(address.query).get("v")
    return video[0] if video else PurePosixPath(address.path).stem
