"""Puts the service together. `python -m api`, or `uvicorn --factory api.app:create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import (
    adapters,
    artifacts,
    health,
    lineage,
    problems,
    scenarios,
    v1_videos,
    videos,
    web,
)
from api.service import Service
from api.settings import ApiSettings
from slora_assets import __version__


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """The service for `settings`, by default the environment's. Loads no weights yet.

    Raises ConfigError, MissingInputError when the presets can't be read.
    """
    service = Service(settings or ApiSettings.from_environment())
    service.presets()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(service.runner.close)

    # The interactive documentation pages fetch scripts from elsewhere; /openapi.json is enough.
    app = FastAPI(
        title="slora",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service = service
    problems.install(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(service.settings.hosts))
    app.add_middleware(problems.RequestId)
    for module in (videos, v1_videos, artifacts, scenarios, adapters, lineage, health, web):
        app.include_router(module.router)
    # FastAPI's own way to extend the schema; mypy calls it an assignment to a method.
    app.openapi = lambda: _described(app, service)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI, service: Service) -> dict[str, Any]:
    """The schema, with the limits of the presets as they stand now."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    presets = service.presets()
    fields = document["components"]["schemas"]["GenerateForm"]["properties"]
    fields["scenario"]["enum"] = presets.scenarios
    for name in ("prompt", "negative_prompt"):
        fields[name]["maxLength"] = presets.limits.max_prompt_characters
    fields["preset"]["enum"] = sorted(presets.speed)
    fields["num_inference_steps"]["maximum"] = presets.limits.max_steps
    return document
