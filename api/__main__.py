"""`python -m api`: serve (SLORA_HOST, SLORA_PORT, SLORA_PREVIEW; see `settings`)."""

from __future__ import annotations

import argparse

from slora_assets.config.edge import run


def main() -> int:
    """Serve until stopped."""
    argparse.ArgumentParser(
        prog="python -m api",
        description="Serve promoted adapters at http://127.0.0.1:8017 until stopped (Ctrl-C).",
        epilog="All settings are environment variables: docs/settings.md lists them.",
    ).parse_args()
    # Here, where Ctrl-C is one line already: what a service imports takes seconds.
    from api.serving import serve

    return serve()


if __name__ == "__main__":
    run(main)
