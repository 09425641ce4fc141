"""Each answer counted and logged: route, status and time, without query, body and key."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import known_of_request
from api.metrics import Metrics

_LOG = logging.getLogger("slora.access")
_NO_ROUTE: Final = "none"
"""The route of what was refused before one was looked for, or for which there is none."""
_SHOWN_CHARACTERS: Final = 200
_SELDOM_NEWS: Final = ("/livez", "/readyz", "/metrics", "/health/live", "/health/ready")


class Watched:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        with known_of_request(scope["state"]["request_id"]):
            try:
                await self._app(scope, receive, noted)
            finally:
                seconds = time.perf_counter() - begun
                route = str(getattr(scope.get("route"), "path", _NO_ROUTE))
                self._metrics.answered(route, scope["method"], status, seconds)
                _log(scope, status, seconds)


def _log(scope: Mapping[str, Any], status: int, seconds: float) -> None:
    """A path may be anything; what comes after its `?` is told to nobody."""
    path, method = quote(scope["path"])[:_SHOWN_CHARACTERS], scope["method"][:10]
    caller = scope["state"].get("caller")
    facts = {
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "key": getattr(caller, "id", None),
    }
    # What watches the process asks every few seconds, and is worth a line when something is wrong.
    level = logging.DEBUG if path in _SELDOM_NEWS and status < 400 else logging.INFO
    _LOG.log(level, "%s %s %d %.0f ms", method, path, status, seconds * 1000, extra=facts)
