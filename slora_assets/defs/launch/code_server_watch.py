"""`python -m slora_assets.defs.launch.code_server_watch PID`: have a dead code server replaced.

Under `dagster dev` a process of Dagster's (`code-server start`) stands between all others and the
code server itself (`api grpc`), which it starts again only when a person presses "Reload": until
then no run starts and no sensor looks. The one in between is started again by itself, and a code
server with it. So when it has lost its code server, it is ended. This process ends with PID.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Final

import psutil

from slora_assets.processes.living import is_alive

_BETWEEN: Final = "code-server"
_SERVER: Final = "grpc"
_LOOK_EVERY_S: Final = 1.0


def watch(dev: psutil.Process) -> None:
    """Look at the children of `dagster dev` as long as that runs."""
    served: set[psutil.Process] = set()
    while is_alive(dev):
        with suppress(psutil.NoSuchProcess):
            for between in _children(dev, _BETWEEN):
                if _children(between, _SERVER):
                    served.add(between)
                elif between in served:  # one whose code can't be loaded has never had one
                    served.remove(between)
                    between.kill()
        time.sleep(_LOOK_EVERY_S)


def _children(process: psutil.Process, command: str) -> list[psutil.Process]:
    """Living children that a command of Dagster's started."""
    found = []
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            if is_alive(child) and command in child.cmdline():
                found.append(child)
    return found


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, psutil.NoSuchProcess):
        watch(psutil.Process(int(sys.argv[1])))
