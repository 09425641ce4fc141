"""`python -m api`: serve on this machine (SLORA_PORT, SLORA_PREVIEW; see `settings`)."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from api.settings import ADDRESS, port_from_environment
from slora_assets.config.edge import run
from slora_assets.processes.preloading import configure_libraries

_GRACE_S = 10
"""How long requests may finish once the service is asked to stop."""


def main() -> int:
    """Serve until stopped."""
    configure_libraries()
    app, port = create_app(), port_from_environment()
    uvicorn.run(app, host=ADDRESS, port=port, timeout_graceful_shutdown=_GRACE_S)
    return 0


if __name__ == "__main__":
    run(main)
