"""One training run from plan to finished folder: train, validate each epoch, prune, prove, commit.

Everything that the run writes is a function of its plan, so that a killed and resumed run ends with
the bytes of an undisturbed one; clock times go to `journal.jsonl` beside the runs, not into them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from slora_assets.base_models.sampling import compute_repeatably
from slora_assets.config.workspace import Workspace
from slora_assets.provenance.files import commit_folder, write_json
from slora_assets.provenance.records import (
    ADAPTER_FILE,
    RUN_RECORD,
    ExportParity,
    RunRecord,
    TrainedClip,
    read_run_record,
    software_versions,
)
from slora_assets.training import trackers
from slora_assets.training.checkpoints import Progress
from slora_assets.training.display import Display
from slora_assets.training.epochs import Epochs
from slora_assets.training.export import export_adapter, prove_export
from slora_assets.training.journal import note_finished
from slora_assets.training.lockstep import Lockstep, Pass
from slora_assets.training.loop import Hooks, Trainer
from slora_assets.training.measuring import Measuring
from slora_assets.training.memory import is_out_of_memory, out_of_memory, peak_memory_bytes
from slora_assets.training.plan import RunPlan, check_caches
from slora_assets.training.resume import Begun, Resumption, prepare_folder, read_begun
from slora_assets.training.sharding import check_processes
from slora_assets.training.steps import StepsLog

_LONGEST_VALIDATION = timedelta(hours=12)


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
    if plan.is_complete():
        display.line(f"{plan.name}: nothing to do, {plan.folder} holds this very run")
        return read_run_record(plan.folder)
    check_caches(plan, workspace)
    trackers.check_installed(options.trackers)
    accelerator = _accelerator(plan, workspace, options)
    check_processes(plan.settings.levers, accelerator.num_processes)
    begun = _begin(plan, accelerator, options.resumption, display)
    started = time.monotonic()
    trainer = Trainer(plan, workspace, accelerator)
    run = _Run(plan, workspace, accelerator, trainer, display, should_stop)
    trackers.begin(
        accelerator,
        options.trackers,
        plan.name,
        plan.settings.resolved(),
        trackers.folder_of(workspace.outputs),
    )
    try:
        progress = trainer.train(plan.partial / "state", run.hooks(), begun.earlier_hashes)
        parity = run.prove(progress)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        peak = peak_memory_bytes()
        raise out_of_memory(error, trainer.transformer, plan.settings, peak) from error
    finally:
        accelerator.end_training()
    if parity is None:
        return None
    record = run.finish(progress, begun, parity)
    note_finished(
        plan.folder, plan.run_hash, time.monotonic() - started, run.steps.seconds_per_step
    )
    display.line(f"{plan.name}: finished {record.steps} steps, best epoch {record.best.epoch}")
    return record


def _accelerator(plan: RunPlan, workspace: Workspace, options: RunOptions) -> Any:
    import torch
    from accelerate import Accelerator, InitProcessGroupKwargs

    compute_repeatably()
    return Accelerator(
        mixed_precision=plan.settings.precision,
        cpu=not torch.cuda.is_available(),
        log_with=list(options.trackers) or None,
        project_dir=trackers.folder_of(workspace.outputs) if options.trackers else None,
        # The first process validates alone while the others wait, for longer than the default.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_VALIDATION)],
    )


def _begin(plan: RunPlan, accelerator: Any, resumption: Resumption, display: Display) -> Begun:
    """The first process makes or finds the working folder; the others follow it."""
    from ruamel.yaml import YAML

    if accelerator.is_main_process:
        begun = prepare_folder(plan, resumption)
        with (plan.partial / "config.yaml").open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump(plan.settings.resolved(), stream)
        for change in begun.changes:
            display.line(
                f"{plan.name}: {change['key']} was {change['before']!r} until step"
                f" {change['step']} and is {change['after']!r} since, as allowed"
            )
    accelerator.wait_for_everyone()
    return begun if accelerator.is_main_process else read_begun(plan)


class _Run:
    """A run under way: what happens around the loop."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: Workspace,
        accelerator: Any,
        trainer: Trainer,
        display: Display,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan, self._accelerator, self._trainer = plan, accelerator, trainer
        self._display, self._should_stop = display, should_stop
        total = trainer.steps_per_epoch * plan.settings.epochs
        log = plan.partial / "training_log.jsonl"
        self.steps = StepsLog(log, plan.name, total, display, accelerator)
        self._total = total
        self._lockstep = Lockstep(accelerator, plan.settings.levers.shard_blocks)
        self._measuring = Measuring(plan, workspace, trainer, self._lockstep, should_stop)
        self._epochs = Epochs(plan, trainer, self._measuring, self.steps, display, accelerator)

    def hooks(self) -> Hooks:
        """How the loop reaches this run; the first process alone measures and writes."""
        if not self._accelerator.is_main_process:
            return Hooks(
                lambda _: self._follow(),
                lambda _: None,
                lambda _: self._follow(),
                self._should_stop,
            )
        return Hooks(self._on_start, self.steps.write, self._on_epoch, self._should_stop)

    def _on_start(self, progress: Progress) -> None:
        if progress.step == 0:
            self._epochs.measure_base_loss()
        self._display.line(
            f"{self._plan.name}: {self._trainer.samples.clips} clips, {self._total} steps on"
            f" {self._accelerator.device}"
            + (f", going on after step {progress.step}" if progress.step else "")
        )
        self.steps.go_on_from(progress.step)
        self._dismiss()

    def _on_epoch(self, progress: Progress) -> None:
        self._epochs.finish_epoch(progress)
        self._dismiss()

    def _follow(self) -> None:
        """Wait while the first process measures; make the passes along that it announces."""
        while (what := self._lockstep.heard()) is not Pass.DONE:
            if what is Pass.HELD_OUT:
                self._measuring.held_out()
            elif what is Pass.SAMPLES:
                self._measuring.draw_along()
            else:
                self._parity()
        self._accelerator.wait_for_everyone()

    def _dismiss(self) -> None:
        """Let the processes go on that follow the first."""
        self._lockstep.announce(Pass.DONE)
        self._accelerator.wait_for_everyone()

    def prove(self, progress: Progress) -> ExportParity | None:
        """Parity of the model in memory, exported once more: the last epoch may be pruned.

        Returns None in processes other than the first. Raises IntegrityError.
        """
        if not self._accelerator.is_main_process:
            self._follow()
            return None
        transformer, folder = self._trainer.transformer, self._proved
        export_adapter(self._plan, transformer, folder, progress.epoch, progress.step, {})
        self._lockstep.announce(Pass.EXPORT)
        parity = self._parity()
        self._dismiss()
        shutil.rmtree(folder)
        return parity

    @property
    def _proved(self) -> Path:
        return self._plan.partial / "state" / "parity"

    def _parity(self) -> ExportParity:
        trainer = self._trainer
        return prove_export(
            self._plan,
            trainer.transformer,
            self._proved / ADAPTER_FILE,
            str(trainer.device),
            trainer.dtype,
        )

    def finish(self, progress: Progress, begun: Begun, parity: ExportParity) -> RunRecord:
        """Write the record, rename the folder into place."""
        plan = self._plan
        kept = self._epochs.kept()
        trusted, note = self._measuring.trusted()
        record = RunRecord(
            run=plan.name,
            scenarios=list(plan.scenarios),
            left_out=plan.left_out,
            run_hash=plan.run_hash,
            config_hash=plan.config_hash,
            config_difference=plan.settings.difference(),
            dataset_hash=plan.dataset_hash,
            dataset=plan.metadata.dataset.name,
            licence=plan.metadata.dataset.licence,
            clips=[
                TrainedClip(id=c.id, sha256=c.sha256, scenario=c.scenario, split=c.split)
                for c in plan.clips
            ],
            dropped=plan.dropped,
            base=plan.identity.model_dump(mode="json"),
            scorer=plan.scorer,
            scores_trusted=trusted,
            scores_note=note,
            epochs=plan.settings.epochs,
            steps=progress.step,
            base_scores=self._epochs.base_scores,
            best=kept[0],
            kept=kept,
            parity=parity,
            changes=list(begun.changes),
            software=software_versions(),
        )
        write_json(plan.partial / RUN_RECORD, record.model_dump(mode="json"))
        commit_folder(plan.partial, plan.folder)
        return record
