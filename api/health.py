"""GET /health/live and /health/ready: is the process there, and could it generate now?"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.errors import NotReady
from api.problems import public_at
from api.service import service_of

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The base's weights are whole, and the worker takes jobs."""

    status: Literal["ready"] = "ready"
    base: str
    loaded: bool
    """False until the first clip: loading waits until it is needed."""
    preview: bool
    presets_fault: str | None
    """Why the presets that are served aren't those of the file, where they aren't; scenarios with
    wrong values stand in GET /scenarios."""


@router.get("/health/live")
def live() -> Live:
    """Answers as long as the process does."""
    return Live()


@router.get("/health/ready", responses={503: {"description": "Not ready; the detail says why."}})
def ready(request: Request) -> Ready:
    """Answers 503 with a reason when a request could not be served."""
    service = service_of(request)
    if not service.runner.running:
        raise NotReady("The service is stopping.")
    presets = service.presets()
    base = service.engine.base(presets.base_model).identity()
    return Ready(
        base=f"{base.name} {base.revision}",
        loaded=service.engine.loaded,
        preview=service.settings.preview,
        presets_fault=public_at(presets.fault) if presets.fault else None,
    )
