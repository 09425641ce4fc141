"""GET /scenarios/{name}/picture, GET /artifacts/{filename}/picture and GET /reports/{filename}:
what the page shows of a scenario and of a clip before somebody plays it.

Only generated clips are shown, and nothing of an adapter that saw footage which was taken down.
What a request names is compared with what is known, never opened.
"""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.cards import first_sample, shown_verdict
from api.errors import NothingToShow
from api.service import service_of
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.provenance import file_stamp, sha256_file

router = APIRouter(tags=["pictures"])

_LONGEST_SIDE: Final = 480
_SMALL: Final = 256
"""Pictures that are no wider lose nothing: the page shows them pixel by pixel."""
_OURS_ALONE: Final = {"Cross-Origin-Resource-Policy": "same-origin"}
_REPORT_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline';"
    " script-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
"""A report brings all that it shows, and is no page of this service: it reads nothing of it."""
_PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/webp": {}}, "description": "The picture."},
    304: {"description": "The client has this very picture (`If-None-Match`)."},
    404: {"description": "Nothing of this name may be shown."},
    410: {"description": "The clip was published here and is erased since."},
}


@router.get("/scenarios/{name}/picture", response_class=Response, responses=_PICTURE)
def of_scenario(name: str, request: Request) -> Response:
    """A frame of the first clip that the gate looked at."""
    service = service_of(request)
    workspace = service.settings.workspace
    known = name in service.presets().presets and shown_verdict(workspace, name) is not None
    sample = first_sample(workspace, name) if known else None
    if sample is None or not sample[0].is_file() or sha256_file(sample[0]) != sample[1]:
        raise NothingToShow("No clip of this scenario was judged that may be shown.")
    return _picture(request, sample[0])


@router.get("/artifacts/{filename}/picture", response_class=Response, responses=_PICTURE)
def of_artifact(filename: str, request: Request) -> Response:
    """The first frame of a published clip."""
    service = service_of(request)
    service.store.read(filename)  # of this name, whole, and published
    return _picture(request, service.settings.workspace.artifacts / filename)


@router.get(
    "/reports/{filename}",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {}}, "description": "The page."},
        404: {"description": "No page of this name may be shown."},
    },
)
def report(filename: str, request: Request) -> Response:
    """The page about a scenario's adapter, or the project's (`index.html`)."""
    service = service_of(request)
    workspace, scenarios = service.settings.workspace, sorted(service.presets().presets)
    pages: dict[str, tuple[str, ...]] = {
        workspace.report(run).name: (run,) for run in (*scenarios, UNIFIED)
    }
    pages[workspace.project_report.name] = tuple(scenarios)
    runs = pages.get(filename)
    file = workspace.reports / filename if runs and _may_be_read(workspace, runs) else None
    if file is None or not file.is_file():
        raise NothingToShow("There is no such page. Remedy: `make validate` writes them.")
    headers = {"Content-Security-Policy": _REPORT_POLICY, "Referrer-Policy": "no-referrer"}
    return Response(file.read_bytes(), media_type="text/html", headers=headers | _OURS_ALONE)


def _may_be_read(workspace: Workspace, runs: tuple[str, ...]) -> bool:
    """Whether nothing of what a page shows was taken down. Runs that were never judged are on no
    page."""
    judged = [run for run in runs if workspace.validation(run).is_dir()]
    return all(shown_verdict(workspace, run) is not None for run in judged)


def _picture(request: Request, clip: Path) -> Response:
    try:
        content = _first_frame(clip, file_stamp(clip))
    except SloraError as error:
        raise NothingToShow("The clip can't be decoded.") from error
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"} | _OURS_ALONE
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/webp", headers=headers)


@lru_cache(maxsize=256)
def _first_frame(clip: Path, stamp: tuple[int, ...]) -> bytes:
    """As WebP, of the clip as it stood at `stamp`. Raises FootageError."""
    from slora_assets.footage.decode import first_frame, probe

    found = probe(clip)
    shrink = min(1.0, _LONGEST_SIDE / max(found.width, found.height))
    size = max(1, round(found.width * shrink)), max(1, round(found.height * shrink))
    picture, file = first_frame(clip, *size), io.BytesIO()
    picture.save(file, "WEBP", lossless=max(size) <= _SMALL, quality=85)
    return file.getvalue()
