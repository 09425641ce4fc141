"""A Ray cluster of this machine for a module's tests: several nodes, of one core each."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest


class Nodes:
    """The head, which does no work, and nodes that come and go."""

    def __init__(self) -> None:
        self._cluster = _head()
        self.working: list[Any] = []
        self.address: str = self._cluster.address
        self.folder = Path(self._cluster.head_node.get_session_dir_path())

    def add(self, cores: int = 1, on: set[int] | None = None) -> Any:
        """A node whose processes may use the machine's cores `on`, else all of them: what Ray calls
        cores is a count."""
        with _kept_to(on):
            for _ in range(2):  # a busy machine needs longer than the 30 s that Ray waits
                with suppress(Exception):
                    return self._added(cores)
            return self._added(cores)

    def _added(self, cores: int) -> Any:
        self.working.append(self._cluster.add_node(num_cpus=cores, **_SMALL))
        return self.working[-1]

    def kill(self, node: Any) -> None:
        """As a power cut does."""
        self.working.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def end(self) -> None:
        self._cluster.shutdown()


def _head() -> Any:
    from ray.cluster_utils import Cluster

    told = {"num_cpus": 0, "include_dashboard": False, **_SMALL}
    for _ in range(2):  # as of `Nodes.add`
        with suppress(Exception):
            return Cluster(initialize_head=True, head_node_args=told)
    return Cluster(initialize_head=True, head_node_args=told)


@contextmanager
def _kept_to(cores: set[int] | None) -> Iterator[None]:
    """Processes that are started in it."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or mine)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


_SMALL = {"object_store_memory": 80_000_000, "include_log_monitor": False}


@contextmanager
def ray_cluster() -> Iterator[Nodes]:
    """Nothing of it is left afterwards."""
    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        handler = signal.getsignal(signal.SIGTERM)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # by default whatever else runs goes first
        nodes = Nodes()
        patch.setenv("RAY_ADDRESS", nodes.address)
        try:
            yield nodes
        finally:
            nodes.end()
            signal.signal(signal.SIGTERM, handler)  # each node has put one of its own in its place
            shutil.rmtree(nodes.folder, ignore_errors=True)
