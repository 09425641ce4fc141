"""On which host a run's process is: only there can anybody see whether it still lives."""

import os
import socket
from typing import Final

import dagster as dg

TAG: Final = "slora/host"
"""Of a run; Dagster itself records the number of the process, not whose number it is."""


def this_host() -> str:
    """The name that this host bears; a container has its own, and processes of its own.

    SLORA_RUN_HOST names it where each successor of a container has another name, as in Kubernetes:
    else nobody would look for the runs of those before it, and they would keep their places.
    """
    return os.environ.get("SLORA_RUN_HOST") or socket.gethostname()


def tell_host(context: dg.InitResourceContext) -> None:
    """Tag the run that the resource is for, if it is for one."""
    if context.run is not None and context.instance is not None:
        context.instance.add_run_tags(context.run.run_id, {TAG: this_host()})
