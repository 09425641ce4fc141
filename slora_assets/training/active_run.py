"""A run under way: what happens around the loop, in the first process and in those beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slora_assets.caches.reading import CacheReader
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    ADAPTER_FILE,
    ENVIRONMENT,
    RUN_RECORD,
    ExportParity,
    RunRecord,
    TrainedClip,
)
from slora_assets.provenance import commit_folder, write_json
from slora_assets.provenance.code import running_code
from slora_assets.provenance.records import installed_packages, software_versions
from slora_assets.training.accelerator import TrainingAccelerator
from slora_assets.training.between_epochs.epochs import Epochs
from slora_assets.training.between_epochs.export import prove_export
from slora_assets.training.between_epochs.lockstep import Lockstep, Pass
from slora_assets.training.between_epochs.measuring import Measuring
from slora_assets.training.display import Display
from slora_assets.training.loop.checkpoints import RunPosition, no_checkpoint
from slora_assets.training.loop.trainer import Hooks, Trainer
from slora_assets.training.plan import RunPlan, keep_inputs, record_run
from slora_assets.training.resume import Begun
from slora_assets.training.step_log import StepsLog
from slora_assets.training.trackers import Tracker


class ActiveRun:
    """What the loop of one run calls, and what follows it."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: Workspace,
        accelerator: TrainingAccelerator,
        trainer: Trainer,
        reader: CacheReader,
        tracker: Tracker,
        display: Display,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan, self._accelerator, self._trainer = plan, accelerator, trainer
        self._workspace = workspace
        self._display, self._should_stop = display, should_stop
        self._total = trainer.steps_per_epoch * plan.settings.epochs
        self.steps = StepsLog(plan.folder.step_log, plan.name, self._total, display, tracker)
        self._lockstep = Lockstep(accelerator, plan.settings.levers.shard_blocks)
        self._measuring = Measuring(plan, workspace, trainer, reader, self._lockstep, should_stop)
        self._epochs = Epochs(plan, trainer, self._measuring, self.steps, display, tracker)

    def ready(self, begun: Begun) -> RunPosition:
        """Open all that epochs and the run's end need, and find where the run goes on: what can't
        be had is refused before anything is written. Raises as `Measuring.open` and
        `Trainer.restore` do."""
        if self._accelerator.is_main_process:
            self._measuring.open()
        if begun.anew:
            return RunPosition()
        state = self._plan.folder.state
        restored = self._trainer.restore(state, begun.earlier_hashes)
        if restored is None:
            if self._epochs.metrics.has(1):  # each epoch's end is a checkpoint
                raise no_checkpoint(state, "nothing, and an epoch has been measured")
            return RunPosition()
        for passed_over in restored.passed_over:
            self._display.line(f"{self._plan.name}: a checkpoint can't be used: {passed_over}")
        return restored.position

    def hooks(self) -> Hooks:
        """How the loop reaches this run; the first process alone measures and writes."""
        if not self._accelerator.is_main_process:
            return Hooks(
                on_start=lambda _: self._follow(),
                on_log=lambda _: None,
                on_epoch_trained=lambda _: self._follow(),
                should_stop=self._should_stop,
            )
        return Hooks(self._on_start, self.steps.write, self._on_epoch, self._should_stop)

    def _on_start(self, position: RunPosition) -> None:
        if position.step == 0:
            self._epochs.measure_base_loss()
        self._display.line(
            f"{self._plan.name}: {self._trainer.samples.clips} clips, {self._total} steps on"
            f" {self._accelerator.device}"
            + (f", going on after step {position.step}" if position.step else "")
        )
        self.steps.go_on_from(position.step)
        self._dismiss()

    def _on_epoch(self, position: RunPosition) -> None:
        try:
            self._epochs.finish_epoch(position)
        except InterruptedRunError:
            if not self._plan.settings.levers.shard_blocks:
                self._lockstep.stopped(True)
            raise
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
        if self._lockstep.stopped(False):
            raise InterruptedRunError(
                "stopped while the first process measured, as asked; the training is checkpointed",
                remedy="the same command goes on from there",
            )

    def _dismiss(self) -> None:
        """Let the processes go on that follow the first."""
        self._lockstep.announce(Pass.DONE)
        self._lockstep.stopped(False)

    def prove(self, position: RunPosition) -> ExportParity | None:
        """Parity of the model in memory, exported once more: the last epoch may be pruned.

        Returns None in processes other than the first. Raises IntegrityError.
        """
        if not self._accelerator.is_main_process:
            self._follow()
            return None
        self._epochs.export(self._proved, position.epoch, position.step, {})
        self._lockstep.announce(Pass.EXPORT)
        parity = self._parity()
        self._dismiss()
        shutil.rmtree(self._proved)
        return parity

    @property
    def _proved(self) -> Path:
        return self._plan.folder.state / "parity"

    def _parity(self) -> ExportParity:
        plan, trainer = self._plan, self._trainer
        return prove_export(
            plan.base,
            plan.settings.levers,
            trainer.transformer,
            self._proved / ADAPTER_FILE,
            str(trainer.device),
            trainer.dtype,
        )

    def finish(
        self, position: RunPosition, changes: Sequence[dict[str, Any]], parity: ExportParity
    ) -> RunRecord:
        """Write the record, rename the folder into place."""
        import torch

        plan, data = self._plan, self._plan.data
        kept = self._epochs.kept()
        trusted, note = self._measuring.trusted()
        record = RunRecord(
            run=plan.name,
            scenarios=list(data.scenarios),
            left_out=data.left_out,
            run_hash=plan.run_hash,
            config_hash=plan.config_hash,
            config_difference=plan.settings.difference(),
            dataset_hash=data.dataset_hash,
            dataset=data.dataset.name,
            licence=data.dataset.licence,
            clips=[
                TrainedClip(
                    id=c.id,
                    sha256=c.sha256,
                    scenario=c.scenario,
                    split=c.split,
                    source=c.source_group,
                    start_s=c.start_s,
                    end_s=c.end_s,
                    prompts=c.prompts,
                    licence=c.licence,
                )
                for c in data.clips
            ],
            dropped=data.dropped,
            base=plan.identity.model_dump(mode="json"),
            scorer=plan.scorer,
            scores_trusted=trusted,
            scores_note=note,
            epochs=plan.settings.epochs,
            steps=position.step,
            base_scores=self._epochs.base_scores,
            best=kept[0],
            kept=kept,
            parity=parity,
            changes=list(changes),
            software=software_versions(),
            threads=torch.get_num_threads(),
            code=running_code(),
        )
        keep_inputs(self._workspace, plan)
        write_json(plan.folder.partial / ENVIRONMENT, dict(sorted(installed_packages().items())))
        write_json(plan.folder.partial / RUN_RECORD, record.model_dump(mode="json"))
        commit_folder(plan.folder.partial, plan.folder.final)
        record_run(self._workspace, plan)
        return record
