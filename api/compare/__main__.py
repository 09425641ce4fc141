"""`python -m api.compare [--run RUN]`: serve the comparison on this machine until stopped (Ctrl-C),
then print what was preferred (SLORA_PORT; see `api.settings`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from slora_assets.config.edge import exit_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, then print; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m api.compare", description="Compare blind.")
    parser.add_argument("--run", help="one run; default: all with a verdict")
    return exit_status(lambda: _serve(parser.parse_args(arguments).run))


def _serve(run: str | None) -> int:
    from api.compare.serving import serve  # here, where Ctrl-C is one line already

    return serve(run)


if __name__ == "__main__":
    sys.exit(main())
