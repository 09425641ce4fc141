"""One training run from plan to finished folder: train, validate each epoch, prune, prove, commit.

Everything that the run writes is a function of its plan, so that a killed and resumed run ends with
the bytes of an undisturbed one; clock times go to `journal.jsonl` beside the runs, not into them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import psutil

from slora_assets.caches.reading import CacheReader
from slora_assets.config.workspace import Workspace
from slora_assets.documents import RunRecord
from slora_assets.processes.device import chosen_device, compute_repeatably
from slora_assets.provenance import replacing
from slora_assets.provenance.records import read_run_record
from slora_assets.training import trackers
from slora_assets.training.accelerator import TrainingAccelerator
from slora_assets.training.active_run import ActiveRun
from slora_assets.training.display import Display
from slora_assets.training.journal import note_finished
from slora_assets.training.loop.samples import Samples
from slora_assets.training.loop.trainer import Trainer
from slora_assets.training.plan import RunPlan, adopt_run
from slora_assets.training.resume import Begun, Resumption, decide, write_down
from slora_assets.training.speed.memory import is_out_of_memory, out_of_memory, peak_memory_bytes
from slora_assets.training.speed.sharding import check_processes

_LONGEST_VALIDATION: Final = timedelta(hours=12)
_MEMORY_SHARE: Final = 0.25
"""Of the memory that is free at the start, for arrays that are read again and again."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; what it learns doesn't depend on it."""

    resumption: Resumption = field(default_factory=Resumption)
    trackers: tuple[str, ...] = ()
    """Of `trackers.KNOWN`."""


def run_training(
    plan: RunPlan,
    workspace: Workspace,
    display: Display,
    should_stop: Callable[[], bool],
    options: RunOptions = RunOptions(),
) -> RunRecord | None:
    """Carry out a plan, from its last checkpoint if it was interrupted.

    Returns the record (None in processes other than the first). A finished run with the plan's hash
    is returned as it stands. Raises InterruptedRunError when asked to stop, ConfigError for
    `levers.shard_blocks` in one process, TrainingError, MissingInputError, IntegrityError.
    """
    final = plan.folder.final
    if plan.is_complete(workspace):
        adopt_run(workspace, plan)
        display.line(f"{plan.name}: nothing to do, {final} holds this very run")
        return read_run_record(final)
    reader = new_reader(plan, workspace)
    reader.check_present(plan.data.clips, plan.prompts())
    trackers.check_installed(options.trackers)
    accelerator = _accelerator(plan.settings.precision, workspace, options.trackers)
    check_processes(plan.settings.levers, accelerator.num_processes)
    begun = decide(plan, options.resumption)
    started = time.monotonic()
    trainer = new_trainer(plan, reader, accelerator)
    tracker = trackers.Tracker(accelerator, options.trackers)
    run = ActiveRun(plan, workspace, accelerator, trainer, reader, tracker, display, should_stop)
    start = run.ready(begun)
    _begin(plan, accelerator, begun, display)
    tracker.begin(plan.name, plan.settings.resolved(), trackers.folder_of(workspace.outputs))
    try:
        position = trainer.train(start, plan.folder.state, run.hooks())
        parity = run.prove(position)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        peak = peak_memory_bytes()
        raise out_of_memory(error, trainer.transformer, plan.settings, peak) from error
    finally:
        accelerator.end_training()
    if parity is None:
        return None
    record = run.finish(position, begun.changes, parity)
    note_finished(final, plan.run_hash, time.monotonic() - started, run.steps.seconds_per_step)
    display.line(f"{plan.name}: finished {record.steps} steps, best epoch {record.best.epoch}")
    return record


def new_reader(plan: RunPlan, workspace: Workspace) -> CacheReader:
    """What reads a run's caches: arrays stay in memory while there is plenty of it."""
    in_memory = int(psutil.virtual_memory().available * _MEMORY_SHARE)
    return CacheReader(workspace, plan.identity, plan.base.geometry, in_memory)


def new_trainer(plan: RunPlan, reader: CacheReader, accelerator: TrainingAccelerator) -> Trainer:
    """The model, optimizer and batches of a run, ready for its first step."""
    pinned = accelerator.device.type == "cuda"
    samples = Samples(plan.data.train_clips(), reader, plan.settings, pinned)
    return Trainer(plan.base, samples, plan.settings, plan.run_hash, accelerator)


def _accelerator(
    precision: str, workspace: Workspace, names: tuple[str, ...]
) -> TrainingAccelerator:
    from accelerate import Accelerator, InitProcessGroupKwargs

    compute_repeatably()
    accelerator: TrainingAccelerator = Accelerator(
        mixed_precision=precision,
        cpu=chosen_device() == "cpu",
        log_with=list(names) or None,
        project_dir=trackers.folder_of(workspace.outputs) if names else None,
        # The first process validates alone while the others wait, for longer than the default.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_VALIDATION)],
    )
    return accelerator


def _begin(plan: RunPlan, accelerator: TrainingAccelerator, begun: Begun, display: Display) -> None:
    """The first process makes the working folder what was decided; the others wait for it."""
    from ruamel.yaml import YAML

    accelerator.wait_for_everyone()  # the others have read what there was
    if accelerator.is_main_process:
        write_down(plan, begun)
        with replacing(plan.folder.config) as temporary:
            YAML(typ="safe").dump(plan.settings.resolved(), temporary)
        for change in begun.changes:
            display.line(
                f"{plan.name}: {change['key']} was {change['before']!r} until step"
                f" {change['step']} and is {change['after']!r} since, as allowed"
            )
    accelerator.wait_for_everyone()
