"""GET /artifacts/{filename}: published clips, whole or one byte range of them; and their scores."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.clip_response import clip_response
from api.service import Generated, answer_of, service_of

router = APIRouter(tags=["artifacts"])


@router.head("/artifacts/{filename}", include_in_schema=False)
@router.get(
    "/artifacts/{filename}",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The clip."},
        206: {"content": {"video/mp4": {}}, "description": "The asked range of the clip."},
        304: {"description": "The client has these very bytes (`If-None-Match`)."},
        404: {"description": "No such artifact."},
        416: {"description": "The range lies outside the clip."},
    },
)
def artifact(filename: str, request: Request) -> Response:
    """A published clip as MP4."""
    return clip_response(service_of(request), filename, request)


@router.get("/artifacts/{filename}/metadata", responses={404: {"description": "No such artifact."}})
def metadata(filename: str, request: Request) -> Generated:
    """How a published clip was made, with its scores: what `POST /generate` answered."""
    store = service_of(request).store
    store.read(filename)  # what is not served is not spoken of either
    return Generated.model_validate(answer_of(store.sidecar(filename)))
