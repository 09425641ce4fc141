"""Hears at once that the process is asked to end.

A server stops the application when all its answers are given, and those wait for jobs: who waits
for a clip would be cut off without a word when the server's patience ends.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import NotReady
from api.problems import answered

_ASKED_BY: Final = (signal.SIGINT, signal.SIGTERM)


class LastWord:
    """ASGI middleware, inside of what notes answers: whoever is still without an answer
    when the server's patience ends is told why, and isn't taken for the victim of a fault."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = False

        async def noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http" or answering:
                raise
            response = await answered(Request(scope), NotReady("The service is stopping."))
            await response(scope, receive, send)


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when a signal asks for the end, before whatever else hears it. In a thread no
    signal is heard, and whoever runs the application there stops it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ASKED_BY}

    def heard(number: int, frame: FrameType | None) -> None:
        stop()
        others = before[signal.Signals(number)]
        if callable(others):
            others(number, frame)

    ours = [number for number, others in before.items() if callable(others)]
    for number in ours:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
