"""The comparison as a process: its server, and what it prints at its end."""

from __future__ import annotations

import sys

import uvicorn

from api.compare.app import create_app
from api.exposure import ADDRESS
from api.settings import port_from_environment
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.validation.preferences.report import preference_report
from slora_assets.validation.preferences.samples import SamplePair, chosen_runs, sample_pairs

_DEFAULT_PORT = 8018
_GRACE_S = 2
"""How long requests may finish once the comparison is asked to stop."""


def serve(run: str | None) -> int:
    """Serve the pairs of one run, or of all, until stopped; then print what was preferred. Returns
    the exit status. Raises SloraError where there is nothing to compare."""
    workspace, port = Workspace.from_environment(), port_from_environment(_DEFAULT_PORT)
    pairs = _pairs(workspace, run)
    app = create_app(workspace, pairs)
    runs = ", ".join(dict.fromkeys(pair.run for pair in pairs))
    print(
        f"http://{ADDRESS}:{port} shows {len(pairs)} pairs ({runs});"
        " Ctrl-C ends it and prints what was preferred",
        flush=True,
    )
    uvicorn.run(
        app, host=ADDRESS, port=port, log_level="warning", timeout_graceful_shutdown=_GRACE_S
    )
    print(f"\n{preference_report(workspace, run)}", end="", flush=True)
    return 0


def _pairs(workspace: Workspace, run: str | None) -> list[SamplePair]:
    """The pairs of one run, or of all; of all, a run that can't be shown is said and left out.

    Raises the last reason when none is left.
    """
    found: list[SamplePair] = []
    reason: SloraError | None = None
    for name in chosen_runs(workspace, run):
        try:
            found += sample_pairs(workspace, name)
        except SloraError as error:
            reason = error
            if run is None:
                print(f"{name} is left out: {error}", file=sys.stderr)
    if not found and reason is not None:
        raise reason
    return found
