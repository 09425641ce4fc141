"""`python -m api`: serve (SLORA_HOST, SLORA_PORT, SLORA_PREVIEW; see `settings`)."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from api.connections import GuardedHttp
from api.logs import log_settings
from api.settings import ApiSettings, port_from_environment
from slora_assets.config.edge import run
from slora_assets.processes.preloading import configure_libraries

_GRACE_S = 10
"""How long requests may finish once the service is asked to stop."""


def main() -> int:
    """Serve until stopped."""
    configure_libraries()
    settings, port = ApiSettings.from_environment(), port_from_environment()
    uvicorn.run(
        create_app(settings),
        host=settings.exposure.host,
        port=port,
        http=GuardedHttp,
        ws="none",
        log_config=log_settings(),
        access_log=False,  # it would show what stands after the `?`; `watched` has its own
        timeout_graceful_shutdown=_GRACE_S,
    )
    return 0


if __name__ == "__main__":
    run(main)
