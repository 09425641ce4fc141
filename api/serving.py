"""The service as a process: its server, and how it ends."""

from __future__ import annotations

import logging
import signal
from types import FrameType

import uvicorn

from api.app import create_app
from api.connections import GuardedHttp
from api.logs import log_settings
from api.settings import ApiSettings, port_from_environment
from slora_assets.processes.preloading import configure_libraries

_GRACE_S = 10
"""How long requests may finish once the service is asked to stop."""
_NOT_STARTED = 3
"""Exit status where the server has said why it can't begin, as uvicorn's own command has it."""


class _Server(uvicorn.Server):
    """Leaves a terminal one line after Ctrl-C, which is `edge`'s; the log of what ends by SIGTERM
    has all its steps."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            logging.getLogger("uvicorn").setLevel(logging.WARNING)
        super().handle_exit(sig, frame)


def serve() -> int:
    """Serve until stopped. Ctrl-C is raised again once everything is closed, SIGTERM ends the
    process."""
    configure_libraries()
    settings, port = ApiSettings.from_environment(), port_from_environment()
    config = uvicorn.Config(
        create_app(settings),
        host=settings.exposure.host,
        port=port,
        http=GuardedHttp,
        ws="none",
        log_config=log_settings(),
        access_log=False,  # it would show what stands after the `?`; `watched` has its own
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    server.run()  # uvicorn.run takes Ctrl-C for a success
    return 0 if server.started else _NOT_STARTED
