"""GET /artifacts and /artifacts/{filename}: published clips, listed, whole or in part;
their scores; and their end."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from api.access.caller import Caller, caller_of
from api.clip_response import clip_response
from api.errors import ArtifactNotFound, JobNotFound, ScopeMissing
from api.service import Generated, Service, answer_of, service_of
from api.store.retention import Published, published

router = APIRouter(tags=["artifacts"])

_PLACE: Final = r"^[0-9]{1,20}-[0-9a-f]{32}\.mp4$"
_GONE: Final = {"description": "The clip was published here and is erased since."}


class Artifact(Generated):
    """One published clip in the list."""

    created_at: int
    """When it was written, seconds since 1970."""
    expires_at: int | None
    """When it is erased, as the presets' limits say; null: it is kept."""


class ArtifactList(BaseModel):
    """One page of published clips."""

    model_config = ConfigDict(frozen=True)

    object: Literal["list"] = "list"
    data: list[Artifact]
    has_more: bool
    next: str | None
    """Name it as `after` for the next page."""


class DeletedArtifact(BaseModel):
    """The clip is erased."""

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["artifact.deleted"] = "artifact.deleted"
    deleted: Literal[True] = True


@router.get("/artifacts", responses={422: {"description": "No page can be asked for so."}})
def page(
    request: Request,
    after: Annotated[str | None, Query(pattern=_PLACE)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    scenario: str | None = None,
) -> ArtifactList:
    """Published clips with their scores, the newest first; of one scenario where it is named. A key
    is shown its own, unless it has the scope `admin`."""
    service, shown = service_of(request), list[tuple[Published, Artifact]]()
    caller = caller_of(request)
    for clip in published(service.settings.workspace.artifacts):
        if after is not None and _place(clip) >= _read(after):
            continue
        one = _seen(service, clip) if _is_own(service, caller, clip.name) else None
        if one is not None and scenario in (None, one.scenario):
            shown.append((clip, one))
        if len(shown) > limit:
            break
    more = len(shown) > limit
    last = shown[:limit][-1][0] if more else None
    return ArtifactList(
        data=[one for _, one in shown[:limit]],
        has_more=more,
        next=f"{last.made_ns}-{last.name}" if last else None,
    )


@router.head("/artifacts/{filename}", include_in_schema=False)
@router.get(
    "/artifacts/{filename}",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The clip."},
        206: {"content": {"video/mp4": {}}, "description": "The asked range of the clip."},
        304: {"description": "The client has these very bytes (`If-None-Match`)."},
        404: {"description": "No such artifact."},
        410: _GONE,
        416: {"description": "The range lies outside the clip."},
    },
)
def artifact(filename: str, request: Request) -> Response:
    """A published clip as MP4."""
    return clip_response(service_of(request), filename, request)


@router.get(
    "/artifacts/{filename}/metadata",
    responses={404: {"description": "No such artifact."}, 410: _GONE},
)
def metadata(filename: str, request: Request) -> Generated:
    """How a published clip was made, with its scores: what `POST /generate` answered."""
    store = service_of(request).store
    store.read(filename)  # what is not served is not spoken of either
    return Generated.model_validate(answer_of(store.sidecar(filename)))


@router.delete(
    "/artifacts/{filename}",
    responses={
        403: {"description": "Another key's clip, or sent by a page of another site."},
        404: {"description": "No such artifact."},
        410: _GONE,
    },
)
def delete(filename: str, request: Request) -> DeletedArtifact:
    """Erase a published clip. Its job and its entry in the register stay: whoever has the file can
    still be told what it is."""
    service, caller = service_of(request), caller_of(request)
    service.store.sidecar(filename)
    if not _is_own(service, caller, filename):
        raise ScopeMissing("Another key asked for this clip: it takes the scope 'admin'.")
    service.store.erase(filename)
    return DeletedArtifact(id=filename.removesuffix(".mp4"))


def _is_own(service: Service, caller: Caller, name: str) -> bool:
    """Whether a clip is the caller's: by the job that it was made for."""
    if caller.only is None:
        return True
    with suppress(ArtifactNotFound, JobNotFound):
        job = service.jobs.get(str(service.store.sidecar(name).get("job")))
        return job.plan.asked_by == caller.only
    return False


def _place(clip: Published) -> tuple[int, str]:
    return clip.made_ns, clip.name


def _read(place: str) -> tuple[int, str]:
    made_ns, _, name = place.partition("-")
    return int(made_ns), name


def _seen(service: Service, clip: Published) -> Artifact | None:
    """None for a clip that isn't what its sidecar says, or of an older version."""
    with suppress(ArtifactNotFound):
        if service.store.hash_of(clip.name) is not None:
            said = answer_of(service.store.sidecar(clip.name))
            expires_at = clip.expires_at(service.presets().limits)
            return Artifact.model_validate(
                {**said, "created_at": clip.made_ns // 10**9, "expires_at": expires_at}
            )
    return None
