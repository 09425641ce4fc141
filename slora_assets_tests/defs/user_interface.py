"""Dagster's UI, daemon and code server as `make ui` starts them, driven as the page drives them.

Every process that they start, however deep and whoever its parent is by now, bears a mark in its
environment and is found by it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import psutil

from slora_assets.processes.living import is_alive
from slora_assets_tests.defs.process_roles import STANDING, role_of
from slora_assets_tests.postgresql import free_port
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import PATIENCE_S, wait_for

_MARK: Final = "SLORA_TESTS_MARK"
ENDED: Final = {"SUCCESS", "FAILURE", "CANCELED"}

_OPEN: Final = """\
import signal, sys
from slora_assets.defs.launch.ui import open_ui

signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
open_ui(*sys.argv[1:])
"""
_REPOSITORY: Final = {"repositoryName": "__repository__", "repositoryLocationName": "slora"}

Found = TypeVar("Found")


class UserInterface:
    """One `dg dev` on a free port of the loopback, for the project or the graph that `target` names
    (`-w workspace.yaml`). DAGSTER_HOME is taken from `environment`."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, target: Sequence[str] = ()
    ) -> None:
        # Sockets lie there, whose paths may not be long.
        self.temporary = Path(tempfile.mkdtemp(prefix="slora-"))
        self.log, self.mark, self._target = log, uuid.uuid4().hex, target
        self.begun: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            **environment,
            "TMPDIR": str(self.temporary),
            _MARK: self.mark,
        }
        # A connection that is kept may be closed by the other side just when something is asked.
        self._client = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
        self.start()

    def start(self) -> None:
        """Start it as a terminal would, or again when it has ended, and wait until graph and daemon
        are there."""
        self.begun = [one for one in self.begun if one.poll() is None]
        self._port = free_port()
        self.dev = self._begin(
            sys.executable, "-c", _OPEN, "--port", str(self._port), *self._target
        )
        self.wait_for(self._is_ready, "the UI to show the graph")

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as stream:
            begun = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=self._environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.begun.append(begun)
        return begun

    def _is_ready(self) -> bool:
        assert all(one.poll() is None for one in self.begun), self.log.read_text()[-3000:]
        try:
            return self.loaded() and self._daemons_run()
        except httpx.TransportError:
            return False

    def loaded(self) -> bool:
        """Whether the code location is there."""
        found = self.ask(
            """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus
                 locationOrLoadError { __typename } } } } }"""
        )["workspaceOrError"].get("locationEntries", [])
        return [entry["locationOrLoadError"] for entry in found] == [
            {"__typename": "RepositoryLocation"}
        ]

    def _daemons_run(self) -> bool:
        found = self.ask("{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }")
        daemons = found["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(one["healthy"] for one in daemons if one["required"])

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What the page asks; raises AssertionError when the answer is an error."""
        answer = self._client.post(
            f"http://127.0.0.1:{self._port}/graphql", json={"query": query, "variables": variables}
        ).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    # what a person does

    def launch(self, job: str, partition: str | None = None) -> str:
        """Press "Launch run"; returns the run's id."""
        return self._launched({"jobName": job}, partition)

    def materialize(self, asset: str, partition: str) -> str:
        """Press "Materialize"; returns the run's id."""
        selected = {"assetSelection": [{"path": [asset]}]}
        return self._launched({"jobName": "__ASSET_JOB", **selected}, partition)

    def _launched(self, what: Mapping[str, object], partition: str | None) -> str:
        tags = [{"key": "dagster/partition", "value": partition}] if partition else []
        answer = self.ask(
            """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams:
               $params) { __typename ... on LaunchRunSuccess { run { runId } }
               ... on PythonError { message } } }""",
            params={
                "selector": {**_REPOSITORY, **what},
                "mode": "default",
                "runConfigData": {},
                "executionMetadata": {"tags": tags},
            },
        )["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, assets: Sequence[str], partitions: Sequence[str]) -> str:
        """Press "Launch backfill"; returns its id."""
        answer = self.ask(
            """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams:
               $params) { __typename ... on LaunchBackfillSuccess { backfillId }
               ... on PythonError { message } } }""",
            params={
                "assetSelection": [{"path": [asset]} for asset in assets],
                "partitionNames": list(partitions),
                "tags": [],
            },
        )["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def switch_on(self, sensor: str) -> None:
        """Switch a sensor on."""
        answer = self.ask(
            """mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector)
               { __typename } }""",
            selector={**_REPOSITORY, "sensorName": sensor},
        )
        assert answer["startSensor"]["__typename"] == "Sensor", answer

    def cancel(self, run: str) -> None:
        """Press "Terminate"; how it ends shows in the run's status."""
        self.ask("mutation($run: String!) { terminateRun(runId: $run) { __typename } }", run=run)

    def interrupt(self) -> int:
        """Press Ctrl-C, which the terminal tells the whole group; returns the exit status."""
        os.killpg(self.dev.pid, signal.SIGINT)
        return self.dev.wait(PATIENCE_S)

    # what a person sees

    def status(self, run: str) -> str:
        """Of a run."""
        found = self.ask(
            "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }", run=run
        )
        return str(found["runOrError"]["status"])

    def statuses(self) -> dict[str, str]:
        """All runs' statuses by id, the last first."""
        found = self.ask("{ runsOrError { ... on Runs { results { runId status } } } }")
        return {run["runId"]: run["status"] for run in found["runsOrError"]["results"]}

    def ended(self, run: str) -> str:
        """Wait for a run's end; returns its status."""
        self.wait_for(lambda: self.status(run) in ENDED, f"the end of run {run}")
        return self.status(run)

    def backfill_ended(self, backfill: str) -> str:
        """Wait for a backfill's end; returns its status."""

        def status() -> str:
            found = self.ask(
                """query($id: String!) { partitionBackfillOrError(backfillId: $id)
                   { ... on PartitionBackfill { status } } }""",
                id=backfill,
            )
            return str(found["partitionBackfillOrError"]["status"])

        self.wait_for(lambda: status().startswith(("COMPLETED", "FAILED", "CANCELED")))
        return status()

    def holders(self) -> list[str]:
        """Runs that have the accelerator's place in the pool."""
        found = self.ask(
            """{ instance { concurrencyLimit(concurrencyKey: "gpu")
                 { claimedSlots { runId } } } }"""
        )
        return [slot["runId"] for slot in found["instance"]["concurrencyLimit"]["claimedSlots"]]

    # what the system shows

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What runs and bears the mark, by what it does."""
        found: dict[str, list[psutil.Process]] = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self.mark and is_alive(process):
                    found.setdefault(role_of(process), []).append(process)
            except psutil.Error:
                continue
        return found

    def of_runs(self) -> list[psutil.Process]:
        """What runs only for a run's sake."""
        found = self.processes()
        return [one for role, them in found.items() if role not in STANDING for one in them]

    def left_behind(self) -> list[str]:
        """Files in the temporary folder."""
        return sorted(
            str(path.relative_to(self.temporary))
            for path in self.temporary.rglob("*")
            if not path.is_dir()
        )

    def wait_for(self, condition: Callable[[], Found], what: str = "an answer") -> Found:
        """What `condition` returns once that is true of it."""
        return wait_for(condition, lambda: f"{what}\n{self.log.read_text()[-3000:]}", every_s=0.2)

    def close(self) -> None:
        """Leave nothing, whatever happened."""
        self._client.close()
        for them in self.processes().values():
            for process in them:
                process.kill()
        for process in self.begun:
            process.wait(PATIENCE_S)
        shutil.rmtree(self.temporary, ignore_errors=True)


@contextmanager
def opened(
    environment: Mapping[str, str], log: Path, target: Sequence[str] = ()
) -> Iterator[UserInterface]:
    """The UI of the workspace that `environment` names, gone afterwards."""
    ui = UserInterface(environment, log, target)
    try:
        yield ui
    finally:
        ui.close()
