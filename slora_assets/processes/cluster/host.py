"""Our process on a node that does a whole work there: it starts a command, and says what that says.

The command is what runs on one machine as well, with its group ended in the same way.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from slora_assets.processes.ending import end_group
from slora_assets.processes.preloading import THREADS
from slora_assets.processes.starting import StartedWorker, start_afresh
from slora_assets.processes.stopping import SUPERVISOR


class Host:
    """Its methods are called from another machine, `stop` while `said` goes on."""

    _process: StartedWorker | None = None

    def address(self) -> tuple[str, int]:
        """Of this node, with a port that is free now."""
        import ray

        with socket.socket() as found:
            found.bind(("", 0))
            return ray.util.get_node_ip_address(), found.getsockname()[1]

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        """Start `python <arguments>` with `environment` over the node's own, in `folder` if the
        node has it."""
        # Ray sets a figure of its own, and results may differ by the number of threads.
        os.environ.pop(THREADS, None)
        if Path(folder).is_dir():
            os.chdir(folder)
        more = {**environment, SUPERVISOR: str(os.getpid())}
        self._process = start_afresh([sys.executable, *arguments], more)

    def said(self) -> Iterator[str | int]:
        """Each line, and at last the exit status; negative is a signal's number."""
        assert self._process is not None, "it was started"
        with self._process.output:
            for raw in self._process.output:
                yield raw.decode(errors="replace").rstrip()
        yield self._process.wait()

    def stop(self, grace_s: float) -> None:
        """Leave no process of it: SIGTERM, time to checkpoint, SIGKILL."""
        if self._process is not None:
            end_group(self._process, grace_s)
