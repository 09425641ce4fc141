"""GET /: one page with the form, the clip and its scores; three files, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page_file(path: Path, media_type: str) -> Response:
    """A page's file, under a policy that lets it load nothing from elsewhere."""
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Response(path.read_bytes(), media_type=media_type, headers=headers)


@router.get("/")
def page() -> Response:
    """The page."""
    return page_file(_FOLDER / "page.html", "text/html")


@router.get("/page.js")
def script() -> Response:
    """Its script."""
    return page_file(_FOLDER / "page.js", "text/javascript")


@router.get("/page.css")
def style() -> Response:
    """Its style."""
    return page_file(_FOLDER / "page.css", "text/css")
