"""`python -m api`: serve (SLORA_HOST, SLORA_PORT, SLORA_PREVIEW; see `settings`)."""

from __future__ import annotations

from slora_assets.config.edge import run


def main() -> int:
    """Serve until stopped."""
    # Here, where Ctrl-C is one line already: what a service imports takes seconds.
    from api.serving import serve

    return serve()


if __name__ == "__main__":
    run(main)
