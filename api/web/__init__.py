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


def _file(name: str, media_type: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Response((_FOLDER / name).read_bytes(), media_type=media_type, headers=headers)


@router.get("/")
def page() -> Response:
    """The page."""
    return _file("page.html", "text/html")


@router.get("/page.js")
def script() -> Response:
    """Its script."""
    return _file("page.js", "text/javascript")


@router.get("/page.css")
def style() -> Response:
    """Its style."""
    return _file("page.css", "text/css")
