"""uvicorn's HTTP, with what it lacks against clients that open connections and say nothing: a time
within which a request's head must be there, and an end to how many connections there are."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final, Protocol, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_TIMEOUT_S: Final = 10.0
"""How long the head of a request may take; its body has a time of its own (`body_limit`)."""
MOST_HEAD_BYTES: Final = 65_536
"""How large it may be."""
MOST_CONNECTIONS: Final = 500
"""Well below the 1,024 files that a process may have open on many systems."""


class _Cycle(Protocol):
    response_complete: bool


# uvicorn chooses its protocol by what is installed, which a type checker takes for a variable.
class GuardedHttp(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """One connection. Where there are as many as there may be, one that asks for nothing gives way
    to the newest; where all are being answered, the newest is turned away."""

    head_timeout_s: ClassVar[float] = HEAD_TIMEOUT_S
    most_head_bytes: ClassVar[int] = MOST_HEAD_BYTES
    most: ClassVar[int] = MOST_CONNECTIONS

    connections: set[asyncio.Protocol]
    cycle: _Cycle | None

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time of the first head."""
        if len(self.connections) >= self.most and not self._make_room():
            self._turned_away = True
            cast("asyncio.Transport", transport).abort()
            return
        super().connection_made(transport)
        self._expect_a_head()

    def data_received(self, data: bytes) -> None:
        """A head has its time from its first byte on, of the connection's first from the start."""
        if self._turned_away:
            return
        super().data_received(data)
        if self._answering:
            self._stop_waiting()
            return
        self._expect_a_head()
        self._head_bytes += len(data)
        if self._head_bytes > self.most_head_bytes:
            self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """No time runs any more."""
        self._stop_waiting()
        if not self._turned_away:
            super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        """Whether a request is there that isn't answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_a_head(self) -> None:
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self.head_timeout_s, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._head_bytes = 0

    def _hang_up(self) -> None:
        self._stop_waiting()
        if not self._answering:
            self.transport.abort()

    def _make_room(self) -> bool:
        idle = [
            one for one in self.connections if isinstance(one, GuardedHttp) and not one._answering
        ]
        if not idle:
            return False
        # Between two requests no time runs; else who was to be done first has waited longest.
        longest = min(idle, key=lambda one: one._deadline.when() if one._deadline else 0.0)
        longest._hang_up()
        self.connections.discard(longest)
        return True
