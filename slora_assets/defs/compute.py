"""Where caching, training and validation run: a process group of their own, through Dagster Pipes.

The stock subprocess client signals one process, under `accelerate launch` the launcher, and the
trainer lives on. This one signals the group, waits for the checkpoint, then kills the group.
"""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Final

import dagster as dg

from slora_assets.config.compute import chosen_compute
from slora_assets.defs.preloaded import MODELS
from slora_assets.defs.run_host import tell_host
from slora_assets.processes.ending import end_group
from slora_assets.processes.preloading import preload
from slora_assets.processes.relay import WORK
from slora_assets.processes.starting import StartedWorker, can_fork, start_afresh, start_forked
from slora_assets.processes.stopping import GRACE_S, INTERRUPTED, SUPERVISOR
from slora_assets.provenance import Json

warnings.filterwarnings("ignore", message=".*PipesMessageReader.expected_writer_count.*")

_CLUSTER: Final = "slora_assets.processes.cluster.command"


class ComputeResource(dg.ConfigurableResource[None]):
    """Runs a worker to its end: here, or on the Ray cluster where SLORA_COMPUTE says so. What is
    supervised is a process of this machine in any case: on a cluster, the worker's driver."""

    grace_seconds: float = GRACE_S
    """How long a worker may take to checkpoint after SIGTERM before its group is killed."""
    processes: int = 1
    """Training processes on this machine; on a cluster, on each of its machines."""
    machines: int = 1
    """Nodes of the cluster that share a training, where SLORA_COMPUTE is `ray`."""
    fork_workers: bool = True
    """Fork workers from a process that keeps torch and diffusers imported, on Linux; elsewhere, and
    for several training processes, each worker imports them itself."""

    preload: list[str] = list(MODELS)
    """What the process imports from which workers are forked."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Name what workers need before a decoder starts the server that both are forked from, and
        say on which host: a step that has claimed the pool's place is of a run that has said so."""
        tell_host(context)
        if self.fork_workers and can_fork():
            preload(self.preload)

    def run(self, context: dg.AssetExecutionContext, module: str, arguments: Sequence[str]) -> Json:
        """Run `python -m <module> <arguments>`; its log lines arrive in the event log while it
        works.

        Returns what it handed over last (`WorkerContext.hand_over`), None if it handed over
        nothing. Raises Failure, without retry, when it fails. On interruption the whole process
        group is gone when this returns.
        """
        if chosen_compute() == "ray":
            return self._on_cluster(context, [module, *arguments])
        return self._supervise(context, lambda more: self._start(module, arguments, more))

    def spread(
        self, context: dg.AssetExecutionContext, module: str, arguments: Sequence[str]
    ) -> Json:
        """As `run`, for a module that itself shares its work out among a cluster's nodes when its
        arguments say `--compute ray`, which they do where a cluster is chosen."""
        if chosen_compute() == "local":
            return self.run(context, module, arguments)
        work = {WORK: _work_of(context)}
        command = [*arguments, "--compute", "ray"]
        return self._supervise(context, lambda more: self._start(module, command, more | work))

    def train(
        self, context: dg.AssetExecutionContext, module: str, arguments: Sequence[str]
    ) -> None:
        """Run a training module in as many processes as are configured; raises as `run` does. One
        process needs no launcher, which would import torch a second time."""
        if chosen_compute() == "ray":
            together = ["--machines", str(self.machines), "--processes", str(self.processes)]
            self._on_cluster(context, [*together, module, *arguments])
            return
        if self.processes == 1:
            self.run(context, module, arguments)
            return
        launcher = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1"]
        launcher += ["--num_processes", str(self.processes), "--mixed_precision", "no"]
        launcher += ["--dynamo_backend", "no", "--module", module, *arguments]
        self._supervise(context, lambda more: start_afresh(launcher, more))

    def _on_cluster(self, context: dg.AssetExecutionContext, arguments: Sequence[str]) -> Json:
        command = ["--work", _work_of(context), *arguments]
        return self._supervise(context, lambda more: self._start(_CLUSTER, command, more))

    def _start(
        self, module: str, arguments: Sequence[str], environment: dict[str, str]
    ) -> StartedWorker:
        if self.fork_workers and can_fork():
            try:
                return start_forked(module, arguments, environment)
            except (OSError, EOFError) as error:  # a worker of its own will say why
                warnings.warn(f"workers start afresh: {error!r}", stacklevel=2)
        return start_afresh([sys.executable, "-m", module, *arguments], environment)

    def _supervise(
        self, context: dg.AssetExecutionContext, start: Callable[[dict[str, str]], StartedWorker]
    ) -> Json:
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=dg.PipesTempFileMessageReader(),
        ) as session:
            environment = {**session.get_bootstrap_env_vars(), SUPERVISOR: str(os.getpid())}
            process = start(environment)
            with process.output:  # open until its end: what it says last must find a reader
                try:
                    tail = _follow(process)
                    status = process.wait()
                except BaseException:
                    context.log.warning("interrupted: asking the worker to checkpoint and stop")
                    raise
                finally:
                    end_group(process, self.grace_seconds)
        if status != 0:
            reason = "was interrupted" if status in (INTERRUPTED, -signal.SIGTERM) else "failed"
            message = next((line for line in reversed(tail) if line.startswith("error: ")), "")
            raise dg.Failure(
                f"the worker {reason} (status {status}). {message.removeprefix('error: ')}".strip(),
                metadata={"last lines": dg.MetadataValue.text("\n".join(tail[-20:]))},
                allow_retries=False,
            )
        handed_over: Sequence[Json] = session.get_custom_messages()
        return handed_over[-1] if handed_over else None


def _work_of(context: dg.AssetExecutionContext) -> str:
    """A word for a step's work, which no other step of the workspace does."""
    partition = f".{context.partition_key}" if context.has_partition_key else ""
    return f"{context.asset_key.to_python_identifier()}{partition}"


def _follow(process: StartedWorker) -> list[str]:
    """Pass on what the worker says until it closes; return its last lines."""
    tail: list[str] = []
    for raw in process.output:
        line = raw.decode(errors="replace").rstrip()
        tail = [*tail[-49:], line]
        print(line, file=sys.stderr, flush=True)
    return tail
