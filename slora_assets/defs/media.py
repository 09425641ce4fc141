"""Pictures in the event log: thumbnails of files that are named beside them.

The log keeps what a materialization embeds for ever, and the UI loads it whenever it shows one. So
each kind of picture has a limit, and those of one materialization stay below `INLINE_LIMIT`
together, however large a base draws.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import dagster as dg

if TYPE_CHECKING:
    from PIL.Image import Image

INLINE_LIMIT: Final = 60_000
"""Characters of pictures in one materialization; the limits below are chosen to stay below it."""
SHEET_LIMIT: Final = 20_000
CURVES_LIMIT: Final = 20_000
FRAMES_LIMIT: Final = 20_000
STRIP_LIMIT: Final = 12_000
CLIP_LIMIT: Final = 9_000
MOST_CLIPS: Final = 3
PAGE_LIMIT: Final = 50_000
CHARTS_LIMIT: Final = 50_000

_STRIP_FRAMES, _STRIP_COLUMNS, _STRIP_WIDTH, _GAP = 8, 4, 160, 4

Item = TypeVar("Item")


class _Try(NamedTuple):
    """How a picture may be shown."""

    width: int
    """At most, in pixels."""
    quality: int
    """WebP's, 1 to 100."""
    frames: int = 1
    top: float = 1.0
    """Share of the height that is shown."""


_PICTURE_TRIES: Final = (
    _Try(1200, 80),
    _Try(1200, 50),
    _Try(1200, 30),
    _Try(560, 35),
    _Try(480, 30),
    _Try(400, 30),
    _Try(240, 30),
    _Try(120, 30),
)
_SHEET_TRIES: Final = (
    *_PICTURE_TRIES[:3],
    _Try(900, 30),
    _Try(900, 30, top=0.5),
    _Try(900, 40, top=0.25),
    _Try(900, 25, top=0.25),
    _Try(640, 25, top=0.25),
    _Try(480, 25, top=0.25),
    _Try(320, 25, top=0.25),
    *_PICTURE_TRIES[-2:],
)
_CLIP_TRIES: Final = (
    _Try(192, 75, 12),
    _Try(192, 45, 12),
    _Try(160, 40, 8),
    _Try(128, 40, 8),
    _Try(128, 30, 6),
    _Try(96, 30, 6),
    _Try(96, 25, 4),
    _Try(64, 25, 4),
    _Try(32, 20, 4),
)
"""From the best that is shown to the least; the first that fits is taken."""


@dataclass(frozen=True)
class _Film:
    """Frames of one size; a picture is a film of one."""

    frames: Sequence[Image]
    seconds: float = 0.0

    def webp(self, how: _Try) -> bytes:
        """The film as a WebP file, which plays for ever."""
        buffer = io.BytesIO()
        first, *others = (_shown(frame, how) for frame in _spaced(self.frames, how.frames))
        if others:
            shown_ms = round(1000 * self.seconds / (1 + len(others)))
            first.save(
                buffer,
                "WEBP",
                quality=how.quality,
                save_all=True,
                append_images=others,
                duration=shown_ms,
                loop=0,
            )
        else:
            first.save(buffer, "WEBP", quality=how.quality)
        return buffer.getvalue()


def picture(path: Path, text: str, limit: int) -> dg.MarkdownMetadataValue:
    """A small copy of a picture in at most `limit` characters, as Markdown that the UI shows."""
    return dg.MetadataValue.md(_embedded(_Film([_opened(path)]), text, limit, _PICTURE_TRIES))


def top_rows(path: Path, text: str, limit: int) -> dg.MarkdownMetadataValue:
    """A small copy of a sheet of pictures: of its upper rows alone where all of them would be too
    small to see anything."""
    return dg.MetadataValue.md(_embedded(_Film([_opened(path)]), text, limit, _SHEET_TRIES))


def moving_pictures(videos: Sequence[Path]) -> dg.MarkdownMetadataValue:
    """Small copies of the first clips of a run, as animated pictures that the UI plays."""
    shown = [
        _embedded(_decoded(video), video.stem, CLIP_LIMIT, _CLIP_TRIES)
        for video in videos[:MOST_CLIPS]
    ]
    return dg.MetadataValue.md(" ".join(shown))


def side_by_side(left: Path, right: Path, text: str, limit: int) -> str:
    """Small copies of two clips of one size and length as one animated picture in at most `limit`
    characters, as Markdown."""
    from PIL import Image

    one, other = _decoded(left), _decoded(right)
    frames = []
    for first, second in zip(one.frames, other.frames, strict=False):
        pair = Image.new("RGB", (first.width + _GAP + second.width, first.height), "white")
        pair.paste(first, (0, 0))
        pair.paste(second, (first.width + _GAP, 0))
        frames.append(pair)
    return _embedded(_Film(frames, one.seconds), text, limit, _CLIP_TRIES)


def strip(pictures: Sequence[Path], text: str, limit: int) -> dg.MarkdownMetadataValue:
    """Some of many pictures of one size, evenly spaced over them, as one small picture in at most
    `limit` characters."""
    from PIL import Image

    small = [_narrowed(_opened(path), _STRIP_WIDTH) for path in _spaced(pictures, _STRIP_FRAMES)]
    width, height = small[0].width + _GAP, small[0].height + _GAP
    columns = min(len(small), _STRIP_COLUMNS)
    rows = -(-len(small) // columns)
    sheet = Image.new("RGB", (columns * width - _GAP, rows * height - _GAP), "white")
    for index, one in enumerate(small):
        sheet.paste(one, (index % columns * width, index // columns * height))
    return dg.MetadataValue.md(_embedded(_Film([sheet]), text, limit, _PICTURE_TRIES))


def drawings(charts: Mapping[str, str], limit: int) -> dg.MarkdownMetadataValue:
    """Charts in SVG, by title, as many of the first ones as fit into `limit` characters, as
    Markdown that the UI shows."""
    shown: list[str] = []
    for title, svg in charts.items():
        encoded = base64.b64encode(svg.encode()).decode()
        markdown = f"![{title}](data:image/svg+xml;base64,{encoded})"
        if sum(map(len, shown)) + len(markdown) > limit:
            break
        shown.append(markdown)
    if len(shown) < len(charts):
        shown.append(f"{len(shown)} of {len(charts)} charts are shown here")
    return dg.MetadataValue.md("\n\n".join(shown))


def _embedded(film: _Film, text: str, limit: int, tries: Sequence[_Try]) -> str:
    """The best picture that fits into `limit` characters, or words that say there is none."""
    for how in tries:
        encoded = base64.b64encode(film.webp(how)).decode()
        markdown = f"![{text}](data:image/webp;base64,{encoded})"
        if len(markdown) <= limit:
            return markdown
    return f"{text}: too large to be shown here"


def _opened(path: Path) -> Image:
    from PIL import Image

    with Image.open(path) as opened:
        return opened.convert("RGB")


def _decoded(video: Path) -> _Film:
    """As many frames of a clip as are shown at most, evenly spaced over it, and its length."""
    import av

    with av.open(str(video)) as container:
        rate = float(container.streams.video[0].average_rate or 8)
        frames = [frame.to_image() for frame in container.decode(video=0)]
    return _Film(_spaced(frames, _CLIP_TRIES[0].frames), len(frames) / rate)


def _shown(image: Image, how: _Try) -> Image:
    if how.top < 1:
        image = image.crop((0, 0, image.width, max(1, round(image.height * how.top))))
    return _narrowed(image, how.width)


def _narrowed(image: Image, width: int) -> Image:
    """The picture, no wider than `width`."""
    from PIL.Image import Resampling

    if image.width <= width:
        return image
    return image.resize(
        (width, max(1, round(image.height * width / image.width))), Resampling.LANCZOS
    )


def _spaced(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spaced, the first among them."""
    count = min(len(items), most)
    return [items[index * len(items) // count] for index in range(count)]
