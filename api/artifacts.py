"""GET and HEAD /artifacts/{filename}: published clips, whole or one byte range of them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.clip_response import clip_response
from api.service import service_of

router = APIRouter(tags=["artifacts"])


@router.head("/artifacts/{filename}", include_in_schema=False)
@router.get(
    "/artifacts/{filename}",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The clip."},
        206: {"content": {"video/mp4": {}}, "description": "The asked range of the clip."},
        404: {"description": "No such artifact."},
        416: {"description": "The range lies outside the clip."},
    },
)
def artifact(filename: str, request: Request) -> Response:
    """A published clip as MP4."""
    return clip_response(service_of(request), filename, request)
