"""What a process does that Dagster's UI, its daemon or a run has started, told by its command."""

from __future__ import annotations

import os
from typing import Final

import psutil

STANDING: Final = {"dev", "watch", "proxy", "code server", "tracker", "webserver", "daemon"}
"""What runs as long as the UI does. The tracker is the code server's own, of multiprocessing."""


def role_of(process: psutil.Process) -> str:
    """One word; the command itself where none fits."""
    command = " ".join(process.cmdline())
    for role, sign in (
        ("proxy", " code-server start "),
        ("code server", " api grpc "),
        ("webserver", "webserver"),
        ("daemon", "daemon"),
        ("tracker", "multiprocessing.resource_tracker"),
        ("run", "multiprocessing.spawn"),
        ("watch", "code_server_watch"),
        ("dev", "/dg dev "),
    ):
        if sign in command:
            return role
    if "multiprocessing.forkserver" not in command:
        return command
    parent = process.parent()
    if parent is None or parent.cmdline() != process.cmdline():
        return "fork server"
    return "worker" if os.getsid(process.pid) == process.pid else "decoder"
