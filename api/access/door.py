"""Looks at every request before its route does: who sends it, whether they may, how often, and that
no other site's page does.

One place for all routes, so that none that comes later can be forgotten.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.caller import Caller
from api.errors import MissingKey, ScopeMissing, TooManyRequests
from api.exposure import Exposure, is_loopback
from api.problems import answered
from api.same_origin import refuse_foreign
from slora_assets.config.errors import ConfigError
from slora_assets.deployment.api_keys import PREFIX, api_keys_file, known_key, read_keys
from slora_assets.documents import api_keys

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
OPEN: Final = ("/livez", "/readyz", "/health/live", "/health/ready")
"""What watches the process has no key."""


class Door:
    """ASGI middleware: sets `request.state.caller`, or answers instead of the route."""

    def __init__(self, app: ASGIApp, exposure: Exposure) -> None:
        self._app, self._exposure = app, exposure
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rates = exposure.rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            request.state.caller = self._let_in(request)
        except Exception as error:
            response = await answered(request, error)
            if response.status_code == MissingKey.status:
                # A browser asks its user for a name and the key, and the page works with that.
                response.headers.append("WWW-Authenticate", 'Basic realm="slora", charset="UTF-8"')
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _let_in(self, request: Request) -> Caller:
        safe = request.method in _SAFE
        if not safe:
            refuse_foreign(request.headers, self._exposure.origins)
        # Not `request.url`: that is made with the Host header, which may hold a path of its own.
        if request.scope["path"] in OPEN:
            return self._known(request) or Caller(local=not self._needs_key(request))
        caller = self._caller(request)
        scope = api_keys.Scope.READ if safe else api_keys.Scope.GENERATE
        if not caller.may(scope):
            raise ScopeMissing(f"The key is not good for this: it lacks the scope '{scope}'.")
        if caller.id is not None:
            self._count(caller.id)
        return caller

    def _caller(self, request: Request) -> Caller:
        caller = self._known(request)
        if caller is not None:
            return caller
        shown = _shown(request)
        # Clients that were written for others' services always send some key.
        if not self._needs_key(request) and not (shown or "").startswith(PREFIX):
            return Caller(local=True)
        if shown is None:
            raise MissingKey("Show a key: `Authorization: Bearer <key>`.")
        raise MissingKey("The key is unknown, expired or revoked.")

    def _needs_key(self, request: Request) -> bool:
        """By the settings, and by the address that was really reached: whoever starts the
        application with another program may have bound it to any."""
        reached = request.scope.get("server") or ("",)
        return self._exposure.keys_required or not is_loopback(str(reached[0]))

    def _known(self, request: Request) -> Caller | None:
        shown = _shown(request)
        if shown is None or not shown.startswith(PREFIX):
            return None
        key = known_key(read_keys(keys_file(self._exposure)), shown, datetime.now(UTC))
        return None if key is None else Caller(key)

    def _count(self, who: str) -> None:
        for rate in self._rates:
            if not self._limiter.hit(rate, who):
                free = self._limiter.get_window_stats(rate, who).reset_time - time.time()
                raise TooManyRequests(f"A key may send {rate}.", max(1, math.ceil(free)))


def refuse_open_house(exposure: Exposure) -> None:
    """Raise ConfigError for a service that needs keys and has none: nobody could use it, and the
    way out must not be to do without."""
    if not exposure.keys_required:
        return
    now = datetime.now(UTC)
    if not any(one.state(now) == "valid" for one in read_keys(keys_file(exposure))):
        raise ConfigError(
            "the service is to be reached from elsewhere, and there is no key for it",
            key="SLORA_HOST" if not is_loopback(exposure.host) else "SLORA_REQUIRE_KEYS",
            found=exposure.host,
            remedy="make one with `slora api-keys add <name>`, or listen on 127.0.0.1 alone",
        )


def keys_file(exposure: Exposure) -> Path:
    """The file of the keys that let in."""
    return exposure.keys_file or api_keys_file()


def _shown(request: Request) -> str | None:
    """The key in the request: as a bearer's, or as the password of any user."""
    kind, _, said = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return said.strip() or None
    if kind.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(said.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return pair.partition(":")[2] or None
