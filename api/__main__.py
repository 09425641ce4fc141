"""`python -m api`: serve on this machine (SLORA_PORT, SLORA_PREVIEW; see `settings`)."""

from __future__ import annotations

import sys

import uvicorn

from api.app import create_app
from api.settings import ADDRESS, port_from_environment
from slora_assets.config.errors import SloraError

_GRACE_S = 10
"""How long requests may finish once the service is asked to stop."""


def main() -> int:
    """Serve until stopped."""
    try:
        app, port = create_app(), port_from_environment()
    except SloraError as error:
        print(error, file=sys.stderr)
        return 1
    uvicorn.run(app, host=ADDRESS, port=port, timeout_graceful_shutdown=_GRACE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
