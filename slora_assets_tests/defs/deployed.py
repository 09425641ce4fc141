"""UI, daemon and code server as on a server: processes of their own on one PostgreSQL, by the files
in `deploy/`, driven as the page drives them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Final

from slora_assets_tests.defs.user_interface import UserInterface
from slora_assets_tests.postgresql import free_port
from slora_assets_tests.waiting import PATIENCE_S

_PROGRAMS: Final = Path(sys.executable).parent
_AS_A_SERVICE: Final = ("env", "--default-signal=INT")
"""Heeding SIGINT, also where the tests run in the background of a script, which doesn't: Dagster's
code server would take its deafness over for SIGTERM."""
_GRAPH: Final = ("-m", "slora_assets.definitions", "--location-name", "slora")
_WORKSPACE: Final = ("-w", "deploy/workspace.yaml")


class Deployment(UserInterface):
    """The three, which end when the test ends."""

    def start(self) -> None:
        """Start them in any order, and wait until graph and daemon are there."""
        self._port, code = free_port(), str(free_port())
        self._environment |= {"SLORA_CODE_HOST": "127.0.0.1", "SLORA_CODE_PORT": code}
        for program, *options in (
            ("dagster", "api", "grpc", "-h", "127.0.0.1", "-p", code, *_GRAPH),
            ("dagster-webserver", "-h", "127.0.0.1", "-p", str(self._port), *_WORKSPACE),
            ("dagster-daemon", "run", *_WORKSPACE),
        ):
            self._begin(*_AS_A_SERVICE, str(_PROGRAMS / program), *options)
        self.wait_for(self._is_ready, "the UI to show the graph")

    def terminate(self) -> list[int]:
        """Ask each to end, as a service manager does; returns their exit statuses."""
        for process in self.begun:
            process.send_signal(signal.SIGTERM)
        return [process.wait(PATIENCE_S) for process in self.begun]
