"""GET /docs: the contract to read and to try out, by Swagger UI. It comes with the package
`fastapi-offline`, so that nothing is fetched from elsewhere; the page allows nothing else either.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parent
_HEADERS: Final = {
    # Swagger UI styles its elements one by one, and has its pictures in its stylesheet.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


@router.get("/docs")
def page() -> Response:
    """The page."""
    return _answer((_FOLDER / "docs.html").read_bytes(), "text/html")


@router.get("/docs/start.js")
def start() -> Response:
    """What fills it."""
    return _answer((_FOLDER / "start.js").read_bytes(), "text/javascript")


@router.get("/docs/swagger-ui-bundle.js")
def script() -> Response:
    """Swagger UI."""
    return _answer(_shipped("swagger-ui-bundle.js"), "text/javascript")


@router.get("/docs/swagger-ui.css")
def style() -> Response:
    """Its style."""
    return _answer(_shipped("swagger-ui.css"), "text/css")


def _shipped(name: str) -> bytes:
    return files("fastapi_offline").joinpath("static", name).read_bytes()


def _answer(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers=_HEADERS)
