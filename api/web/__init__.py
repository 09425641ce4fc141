"""GET /: the review studio. Plain files from this folder, and nothing from elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {file.name: file for file in _FOLDER.iterdir() if file.suffix in _TYPES}
"""What `/web/` answers for; a request's name is looked up here and never opened."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
)
_CLIPS: Final = "media-src 'self'"
_CLIPS_AND_PICTURES: Final = "media-src 'self' blob:; img-src 'self' blob:"
"""What needs a key is fetched with it first, and shown from there."""


def page_file(path: Path, media_type: str, shows: str = _CLIPS) -> Response:
    """A page's file, under a policy that lets it load nothing from elsewhere."""
    content = path.read_bytes()
    headers = {
        "Content-Security-Policy": _POLICY + shows,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "ETag": f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"',
    }
    return Response(content, media_type=media_type, headers=headers)


@router.get("/")
def page() -> Response:
    """The page."""
    return page_file(_FOLDER / "page.html", "text/html", _CLIPS_AND_PICTURES)


@router.get("/web/{name}")
def part(name: str, request: Request) -> Response:
    """One of its scripts, its style or its sign."""
    if name not in _FILES:
        raise HTTPException(404)
    answer = page_file(_FILES[name], _TYPES[_FILES[name].suffix])
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        return Response(status_code=304, headers={"ETag": answer.headers["etag"]})
    return answer
