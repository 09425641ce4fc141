"""GET /livez and /readyz: is the process there, and could it generate now? And /metrics: how it
has done so far."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel

from api.access.caller import caller_of
from api.errors import NotReady
from api.problems import public_at
from api.readiness import LOADED, readiness_of
from api.service import service_of
from slora_assets.documents.api_keys import Scope

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """A clip could be made now. Where keys are asked for, who shows none learns no more."""

    status: Literal["ready"] = "ready"
    base: str | None = None
    loaded: bool | None = None
    """Are weights in memory? Not before the first clip, unless SLORA_WARM says otherwise, nor after
    a while in which nobody wants one (SLORA_IDLE_S). null: others make the clips."""
    preview: bool | None = None
    parts: dict[str, str] | None = None
    """Each part of the service, and what it says of itself."""
    presets_fault: str | None = None
    """Why the presets that are served aren't those of the file, where they aren't; scenarios with
    wrong values stand in GET /scenarios."""


@router.get("/health/live", include_in_schema=False)
@router.get("/livez")
async def live() -> Live:
    """Answers as long as the process does: without a thread, for which it would wait behind all
    that others read."""
    return Live()


@router.get("/health/ready", include_in_schema=False, response_model_exclude_none=True)
@router.get(
    "/readyz",
    response_model_exclude_none=True,
    responses={503: {"description": "Not ready; `errors` says of each part why."}},
)
def ready(request: Request) -> Ready:
    """Answers 503 with its reasons when a clip could not be made. Every part is really tried:
    presets and base are read, the database and the artifacts' folder are written."""
    service = service_of(request)
    found, curious = readiness_of(service), caller_of(request).may(Scope.READ)
    if found.wrong:
        why = " ".join(dict.fromkeys(found.wrong.values()))
        raise NotReady(why, fields=found.wrong) if curious else NotReady("No clip can be made now.")
    if not curious:
        return Ready()
    return Ready(
        base=found.well["base"],
        loaded=None if service.settings.on_cluster else found.well["weights"] == LOADED,
        preview=service.settings.preview,
        parts=found.well,
        presets_fault=public_at(fault) if (fault := service.presets().fault) else None,
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "As Prometheus reads it."}},
)
def metrics(request: Request) -> Response:
    """Requests, jobs, the queue, stages of clips, memory."""
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service_of(request).metrics.registry), media_type=kind)
