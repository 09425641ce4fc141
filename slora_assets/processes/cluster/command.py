"""A worker on a node of the cluster instead of this machine:
`python -m slora_assets.processes.cluster.command --work <name> <module> <arguments>`.

The process that stays here is the cluster's driver: it hands on what the worker says, has it stop
and checkpoint when it is asked to itself, and starts it again where a node dies; the worker goes on
from its checkpoint in the workspace, which all nodes see.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import InterruptedRunError, UnreadableError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.cluster.connection import connected, places
from slora_assets.processes.cluster.host import Host
from slora_assets.processes.preloading import THREADS, threads_allowed
from slora_assets.processes.relay import WORK, heard
from slora_assets.processes.stopping import GRACE_S, SUPERVISOR
from slora_assets.processes.worker import WorkerContext, exit_status, worker

_BEGINNINGS: Final = 5
"""So often a worker is begun whose nodes die."""
_STOPPING_S: Final = 2 * GRACE_S + 10


class _LostNode(Exception):
    """A node is gone, with what ran there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do a module's work on the cluster. Returns its exit status."""
    parser = argparse.ArgumentParser(description="Run a worker on a node of the Ray cluster.")
    parser.add_argument("--work", required=True, help="what it does: no two do the same at once")
    parser.add_argument("--machines", type=int, default=1, help="nodes that share a training")
    parser.add_argument("--processes", type=int, default=1, help="training processes on each")
    parser.add_argument("module")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    return exit_status(lambda: _work(options))


def _work(options: argparse.Namespace) -> int:
    workspace = Workspace.from_environment()
    environment = _environment(workspace, options.work)
    # The worker itself holds the lock of its work.
    with worker(workspace, f"{options.work}.driver") as here, connected():
        for _ in range(_BEGINNINGS):
            try:
                return _Attempt(options, environment, here).status()
            except _LostNode as error:
                here.report(f"{options.work}: a node is gone ({error}); begun again on others")
                _refuse_if_asked(here)
    raise UnreadableError(
        f"{options.work} was begun {_BEGINNINGS} times on nodes that then were gone",
        remedy="look at the cluster's logs; the same command goes on from the last checkpoint",
    )


def _environment(workspace: Workspace, work: str) -> dict[str, str]:
    """What the worker is told: slora's variables as they are here, with paths that hold from
    wherever it begins."""
    mine = {name: value for name, value in os.environ.items() if name.startswith("SLORA_")}
    mine.pop(SUPERVISOR, None)
    chosen = os.environ.get(THREADS)
    if chosen and chosen != threads_allowed():  # by a person, and not by this machine's limit
        mine[THREADS] = chosen
    return mine | {
        "SLORA_WORKSPACE": str(workspace.root),
        "SLORA_CONFIGS": str(workspace.configs),
        "SLORA_DATASET": str(workspace.dataset_file),
        WORK: work,
    }


def _refuse_if_asked(here: WorkerContext) -> None:
    if here.should_stop():
        raise InterruptedRunError("stopped before it was begun on the cluster, as asked")


class _Attempt:
    """One beginning of a worker, on as many nodes as it takes."""

    def __init__(
        self, options: argparse.Namespace, environment: dict[str, str], here: WorkerContext
    ) -> None:
        self._options, self._environment, self._here = options, environment, here
        self._hosts: list[Any] = []

    def status(self) -> int:
        """Run to the end; the first exit status that isn't 0. Raises _LostNode,
        InterruptedRunError."""
        from ray.exceptions import ObjectLostError, RayActorError, RaySystemError

        group = None
        try:
            group = self._hire()
            self._start()
            return self._follow()
        except (RayActorError, RaySystemError, ObjectLostError) as error:
            raise _LostNode(type(error).__name__) from error
        finally:
            self._end(group)

    def _hire(self) -> Any:
        """A process of ours on each node, with what its trainers need: a GPU each where the cluster
        has any, else a core."""
        import ray
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        each = self._options.processes
        needs = {"CPU": each} | ({"GPU": each} if any(p.gpus for p in places(True)) else {})
        group = placement_group([needs] * self._options.machines, strategy="STRICT_SPREAD")
        try:
            if not self._wait(group.ready(), 5.0):
                self._here.report(f"{self._options.work}: waiting for the cluster to have {needs}")
            while not self._wait(group.ready(), 1.0):
                _refuse_if_asked(self._here)
        except BaseException:
            ray.util.remove_placement_group(group)
            raise
        for number in range(self._options.machines):
            at = PlacementGroupSchedulingStrategy(group, number)
            actor = ray.remote(Host).options(
                num_cpus=each,
                num_gpus=needs.get("GPU", 0),
                max_concurrency=3,
                scheduling_strategy=at,
            )
            self._hosts.append(actor.remote())
        return group

    @staticmethod
    def _wait(ref: Any, seconds: float) -> bool:
        import ray

        return bool(ray.wait([ref], timeout=seconds)[0])

    def _start(self) -> None:
        import ray

        options, count = self._options, len(self._hosts)
        address, port = ray.get(self._hosts[0].address.remote())
        for number, host in enumerate(self._hosts):
            command = ["-m", options.module, *options.rest]
            if count * options.processes > 1:
                launcher = ["-m", "torch.distributed.run", "--nnodes", str(count)]
                launcher += ["--node_rank", str(number), "--master_addr", address]
                launcher += ["--master_port", str(port)]
                command = [*launcher, "--nproc_per_node", str(options.processes), *command]
            ray.get(host.start.remote(command, self._environment, str(Path.cwd())))

    def _follow(self) -> int:
        import ray

        said = [host.said.options(num_returns="streaming").remote() for host in self._hosts]
        status, asked = 0, False
        while said:
            for source in ray.wait(said, timeout=0.5)[0]:
                try:
                    line = ray.get(next(source))
                except StopIteration:
                    said.remove(source)
                    continue
                if isinstance(line, str):
                    heard(line, self._here.report, self._here.hand_over, _pass_on)
                else:
                    status = status or (128 - line if line < 0 else line)
            if not asked and (status or self._here.should_stop()):
                asked = True
                for host in self._hosts:
                    host.stop.remote(GRACE_S)
        return status

    def _end(self, group: Any) -> None:
        """Leave nothing on the cluster."""
        import ray

        ray.wait(
            [host.stop.remote(GRACE_S) for host in self._hosts] or [ray.put(None)],
            num_returns=len(self._hosts) or 1,
            timeout=_STOPPING_S,
        )
        for host in self._hosts:
            ray.kill(host)
        if group is not None:
            ray.util.remove_placement_group(group)


def _pass_on(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
