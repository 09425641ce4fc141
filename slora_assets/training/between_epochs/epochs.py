"""What happens between two epochs: measure, export, log, prune the worst.

Safe to repeat after a kill at any point: every file is a function of the run's plan and progress.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from slora_assets.base_models.seam import LoraShape
from slora_assets.config.errors import TrainingError
from slora_assets.documents import KeptAdapter
from slora_assets.provenance.records import read_adapter_record
from slora_assets.training.between_epochs.curves import write_curves
from slora_assets.training.between_epochs.export import AdapterOrigin, export_adapter
from slora_assets.training.between_epochs.measuring import Measuring
from slora_assets.training.between_epochs.metrics_log import METRICS_FILE, MetricsLog
from slora_assets.training.between_epochs.selection import (
    EpochScores,
    Selection,
    choose,
    combined_score,
)
from slora_assets.training.display import Display
from slora_assets.training.loop.checkpoints import RunPosition
from slora_assets.training.loop.trainer import Trainer
from slora_assets.training.plan import RunPlan
from slora_assets.training.step_log import StepsLog
from slora_assets.training.trackers import Tracker
from slora_assets.validation.metrics.held_out_loss import HeldOutLoss

Measured = TypeVar("Measured")


class Epochs:
    """A run's epochs; the first process alone has one."""

    def __init__(
        self,
        plan: RunPlan,
        trainer: Trainer,
        measuring: Measuring,
        steps: StepsLog,
        display: Display,
        tracker: Tracker,
    ) -> None:
        self._plan, self._trainer, self._measuring = plan, trainer, measuring
        self._steps, self._display, self._tracker = steps, display, tracker
        self._base_loss: HeldOutLoss | None = None

    @cached_property
    def metrics(self) -> MetricsLog:
        """The lines so far; first asked for when it is decided whether the run begins anew."""
        return MetricsLog(self._plan.folder.partial / METRICS_FILE)

    @property
    def base_scores(self) -> dict[str, Any]:
        """The base's line of the metrics."""
        return self.metrics.line(0)

    def measure_base_loss(self) -> None:
        """The base's held-out loss, before the first step. Its samples wait for the first epoch's:
        loading what scores them would only delay the training."""
        if self.metrics.has(0):
            return
        loss = self._base_held_out()
        self._display.line(f"{self._plan.name}: the base's held-out loss is {loss:.4f}")
        self._tracker.log({"held_out_loss": loss}, 0)

    def finish_epoch(self, progress: RunPosition) -> None:
        """Measure and export the epoch that has just been trained, and prune."""
        epoch, plan = progress.epoch, self._plan
        before, loss = self._base_held_out(), self._measuring.held_out()
        # Samples take longer than what is said here: whoever watches needn't wait for them.
        self._display.line(
            f"{plan.name}: epoch {epoch} held-out loss {loss.mean:.4f} (base {before:.4f})"
        )
        self._measure_base()
        scores = self._measuring.scores(epoch, loss)
        combined = combined_score(
            _epoch_scores(scores), _epoch_scores(self.base_scores), plan.settings.selection
        )
        mean_loss = progress.loss_sum / self._trainer.steps_per_epoch
        metrics = scores | {"combined": combined, "train_loss": mean_loss}
        self.export(plan.folder.adapter(epoch), epoch, progress.step, metrics)
        self._prune(epoch, progress.step, metrics, combined)
        self._display.line(
            f"{plan.name}: epoch {epoch} combined score {combined:.4f}"
            + ("" if self._measuring.trusted()[0] else " [not fully trained: no quality score]")
        )
        self._tracker.log(metrics, progress.step)
        write_curves(plan.folder.curves, self._steps.path, self.metrics.lines())
        self._steps.start_clock(progress.step)

    def export(self, folder: Path, epoch: int, step: int, metrics: dict[str, Any]) -> None:
        """Write the adapter as it is now, with its record, into `folder`."""
        plan = self._plan
        origin = AdapterOrigin(
            scenario=plan.scenario,
            base=plan.identity,
            licence=plan.data.dataset.licence,
            trigger_words=plan.data.trigger_words(),
            config_hash=plan.config_hash,
            dataset_hash=plan.data.dataset_hash,
            run_hash=plan.run_hash,
        )
        shape, transformer = LoraShape.of(plan.settings.lora), self._trainer.transformer
        export_adapter(plan.base, transformer, shape, origin, folder, epoch, step, metrics)

    def selection(self) -> Selection:
        """The epochs that are kept, best first."""
        combined = self.metrics.combined_until(self._plan.settings.epochs)
        return choose(combined, self._plan.settings.keep_top_k_adapters)

    def kept(self) -> list[KeptAdapter]:
        """The adapters that outlived pruning, best first. Raises TrainingError without any."""
        combined = self.metrics.combined_until(self._plan.settings.epochs)
        kept = [self._kept(epoch, combined[epoch]) for epoch in self.selection().kept]
        if not kept:
            raise TrainingError("no epoch was measured", file=self._plan.folder.partial)
        return kept

    def _kept(self, epoch: int, combined: float) -> KeptAdapter:
        folder = self._plan.folder
        path = folder.adapter(epoch).relative_to(folder.partial).as_posix()
        record = read_adapter_record(folder.adapter(epoch))
        return KeptAdapter(epoch=epoch, path=path, sha256=record.sha256, combined=combined)

    def _base_held_out(self) -> float:
        """The base's held-out loss: as recorded, as measured before, or measured now (a run that
        was killed before its first epoch's end has forgotten it)."""
        if self.metrics.has(0):
            return float(self.base_scores["held_out_loss"])
        self._base_loss = self._base_loss or self._without_adapter(self._measuring.held_out)
        return self._base_loss.mean

    def _measure_base(self) -> None:
        """Line 0 of the metrics: the base without adapter."""
        if self.metrics.has(0):
            return

        def scores() -> dict[str, Any]:
            return self._measuring.scores(0, self._base_loss or self._measuring.held_out())

        line = self._without_adapter(scores) | {"combined": None, "train_loss": None}
        self.metrics.write(self._line(0, 0, line))

    def _without_adapter(self, measure: Callable[[], Measured]) -> Measured:
        transformer = self._trainer.transformer
        transformer.disable_adapters()
        try:
            return measure()
        finally:
            transformer.enable_adapters()

    def _prune(self, epoch: int, step: int, metrics: Mapping[str, Any], combined: float) -> None:
        """Write the epoch's line and delete adapters that are not among the best any more."""
        keep = self._plan.settings.keep_top_k_adapters
        earlier = self.metrics.combined_until(epoch - 1)
        selection = choose(earlier | {epoch: combined}, keep)
        standing = {*choose(earlier, keep).kept, epoch}
        newly = [item for item in selection.pruned if item.epoch in standing]
        line = self._line(epoch, step, metrics) | {
            "kept_epochs": list(selection.kept),
            "pruned": [asdict(item) for item in newly],
        }
        self.metrics.write(line)
        for item in selection.pruned:
            shutil.rmtree(self._plan.folder.adapter(item.epoch), ignore_errors=True)
        for item in newly:
            self._display.line(
                f"{self._plan.name}: adapter of epoch {item.epoch} pruned: {item.reason}"
            )

    def _line(self, epoch: int, step: int, metrics: Mapping[str, Any]) -> dict[str, Any]:
        trusted, note = self._measuring.trusted()
        return {
            "schema_version": 1,
            "epoch": epoch,
            "step": step,
            **metrics,
            "config_hash": self._plan.config_hash,
            "config_difference": self._plan.settings.difference(),
            "dataset_hash": self._plan.data.dataset_hash,
            "run_hash": self._plan.run_hash,
            "scores_trusted": trusted,
            "scores_note": note,
        }


def _epoch_scores(scores: Mapping[str, Any]) -> EpochScores:
    return EpochScores(
        temporal=scores["temporal_consistency"],
        clip=scores["clip_similarity"],
        held_out_loss=scores["held_out_loss"],
    )
