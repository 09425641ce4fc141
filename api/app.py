"""Puts the service together. `python -m api`, or `uvicorn --factory api.app:create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import (
    adapters,
    artifacts,
    contract,
    docs,
    health,
    lineage,
    pictures,
    problems,
    scenarios,
    v1_videos,
    videos,
    web,
)
from api.access.cross_origin import cross_origin
from api.access.door import Door, refuse_open_house
from api.service import Begin, Service, in_this_process
from api.settings import ApiSettings
from api.stopping import LastWord, told_to_stop
from api.tracing import traced
from api.watched import Watched
from slora_assets import __version__

_AT_ONCE: Final = 8
"""How many requests are worked at in threads. More would keep each other from the interpreter, and
the loop that accepts connections and says that the process is there."""


def create_app(settings: ApiSettings | None = None, begin: Begin = in_this_process) -> FastAPI:
    """The service for `settings`, by default the environment's. Loads no weights yet. `begin` has
    the jobs made elsewhere.

    Raises ConfigError, MissingInputError when the presets can't be read, and ConfigError where keys
    are asked for and none was made.
    """
    settings = settings or ApiSettings.from_environment()
    refuse_open_house(settings.exposure)
    service = Service(settings, begin)
    service.presets()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _AT_ONCE
        try:
            with told_to_stop(service.runner.stop):
                yield
        finally:
            await run_in_threadpool(service.runner.close)
            await run_in_threadpool(send_spans)

    # FastAPI's own pages of the contract fetch scripts from elsewhere; `docs` has one that doesn't.
    app = FastAPI(
        title="slora",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service = service
    problems.install(app)
    exposure = service.settings.exposure
    app.add_middleware(Door, exposure=exposure)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(exposure.hosts))
    if exposure.origins:
        app.add_middleware(CORSMiddleware, **cross_origin(exposure.origins))
    app.add_middleware(LastWord)
    app.add_middleware(Watched, metrics=service.metrics)
    app.add_middleware(problems.RequestId, by_proxy=service.settings.on_cluster)
    for module in (
        videos,
        v1_videos,
        artifacts,
        scenarios,
        adapters,
        lineage,
        pictures,
        health,
        contract,
        docs,
        web,
    ):
        app.include_router(module.router)
    service.span, send_spans = traced(app)
    # FastAPI's own way to extend the schema; mypy calls it an assignment to a method.
    app.openapi = lambda: contract.contract_of(app, service)  # type: ignore[method-assign]
    return app
