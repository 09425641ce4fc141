"""Names of services that share a database of jobs, and whether the one behind a name is there."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Final

import psutil

_SILENT_S: Final = 60
"""A service on another machine that hasn't been heard of for so long is gone."""


def new_owner() -> str:
    """A name that no other service has, and by which can be told whether this one is there."""
    born = psutil.Process().create_time()
    return f"{socket.gethostname()} {os.getpid()} {born:.2f} {secrets.token_hex(4)}"


def is_there(owner: str, silent_s: int) -> bool:
    """Whether the service of that name is there; of one on another machine, whether it was heard of
    lately."""
    host, pid, born, _ = owner.rsplit(" ", 3)
    if host != socket.gethostname():
        return silent_s < _SILENT_S
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == born
    except psutil.NoSuchProcess:
        return False
