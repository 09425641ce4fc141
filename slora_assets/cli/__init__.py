"""`slora`: what a person does from the shell; `commands` has the verbs."""

from __future__ import annotations

from slora_assets.config.edge import run


def main() -> None:
    """Entry point: what went wrong is one line, not a traceback."""
    run(_typed)


def _typed() -> int:
    # Here, where Ctrl-C is one line already.
    from slora_assets.cli.commands import app
    from slora_assets.processes.garbage import look_for_garbage_seldom

    look_for_garbage_seldom()
    app()
    return 0
