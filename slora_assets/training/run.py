"""One training run from plan to finished folder: train, validate each epoch, prune, prove, commit.

Everything that the run writes is a function of its plan, so that a killed and resumed run ends with
the bytes of an undisturbed one; clock times go to `journal.jsonl` beside the runs, not into them.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from slora_assets.config.workspace import Workspace
from slora_assets.provenance.files import append_line, commit_folder, write_json, write_text
from slora_assets.provenance.records import (
    ADAPTER_FILE,
    RUN_RECORD,
    KeptAdapter,
    RunRecord,
    TrainedClip,
    software_versions,
)
from slora_assets.training.checkpoints import Progress
from slora_assets.training.curves import write_curves
from slora_assets.training.export import export_adapter, prove_export
from slora_assets.training.journal import note_finished
from slora_assets.training.loop import Hooks, StepLog, Trainer
from slora_assets.training.measuring import Measuring
from slora_assets.training.plan import RunPlan, check_caches
from slora_assets.validation.metrics_log import MetricsLog
from slora_assets.validation.selection import EpochScores, choose, combined_score

_LONGEST_VALIDATION = timedelta(hours=12)
Report = Callable[[str], None]
"""Called with a line for people, from the main process only."""


def run_training(
    plan: RunPlan, workspace: Workspace, report: Report, should_stop: Callable[[], bool]
) -> RunRecord | None:
    """Carry out a plan, from its last checkpoint if it was interrupted.

    Returns the record (None in processes other than the first). A finished run with the plan's hash
    is returned as it stands. Raises InterruptedRunError when asked to stop, TrainingError,
    MissingInputError, IntegrityError.
    """
    from slora_assets.provenance.records import read_run_record

    if plan.is_complete():
        report(f"{plan.name}: nothing to do, {plan.folder} holds this very run")
        return read_run_record(plan.folder)
    check_caches(plan, workspace)
    accelerator = _accelerator(plan)
    if accelerator.is_main_process:
        _prepare_folder(plan, report)
    accelerator.wait_for_everyone()
    started = time.monotonic()
    run = _Run(plan, workspace, accelerator, report, should_stop)
    progress = run.trainer.train(plan.partial / "state", run.hooks())
    if not accelerator.is_main_process:
        return None
    record = run.finish(progress)
    note_finished(plan.folder, plan.run_hash, time.monotonic() - started, run.seconds_per_step())
    report(f"{plan.name}: finished {record.steps} steps, best epoch {record.best.epoch}")
    return record


def _accelerator(plan: RunPlan) -> Any:
    import torch
    from accelerate import Accelerator, InitProcessGroupKwargs

    torch.use_deterministic_algorithms(True, warn_only=True)
    return Accelerator(
        mixed_precision=plan.settings.precision,
        cpu=not torch.cuda.is_available(),
        # The first process validates alone while the others wait, for longer than the default.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_VALIDATION)],
    )


def _prepare_folder(plan: RunPlan, report: Report) -> None:
    """Make the working folder, or keep it if it is this very run's."""
    from ruamel.yaml import YAML

    mark = plan.partial / "run_hash"
    if plan.partial.exists() and (not mark.is_file() or mark.read_text() != plan.run_hash):
        report(f"{plan.name}: an unfinished run with other settings or data is discarded")
        shutil.rmtree(plan.partial)
    plan.partial.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        with (plan.partial / "config.yaml").open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump(plan.settings.resolved(), stream)
        write_text(mark, plan.run_hash)


class _Run:
    """A run under way: the trainer, and what happens between epochs."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: Workspace,
        accelerator: Any,
        report: Report,
        should_stop: Callable[[], bool],
    ) -> None:
        self.plan, self.workspace, self.accelerator = plan, workspace, accelerator
        self.report, self.should_stop = report, should_stop
        self.trainer = Trainer(plan, workspace, accelerator)
        self.metrics = MetricsLog(plan.partial / "validation_metrics.jsonl")
        self.steps_log = plan.partial / "training_log.jsonl"
        self._step_time = time.monotonic()
        self._last_logged = 0
        self._timed_steps, self._timed_s = 0, 0.0
        self.measuring = Measuring(
            plan, workspace, self.trainer, str(accelerator.device), should_stop
        )

    def hooks(self) -> Hooks:
        """How the loop reaches this run; the first process alone measures and writes."""
        if not self.accelerator.is_main_process:
            wait = self.accelerator.wait_for_everyone
            return Hooks(lambda _: None, lambda _: None, lambda _: wait(), self.should_stop)
        return Hooks(self._on_start, self._on_log, self._on_epoch, self.should_stop)

    def _on_start(self, progress: Progress) -> None:
        _truncate_log(self.steps_log, progress.step)
        self._last_logged = progress.step
        self._measure_base()
        plan = self.plan
        self.report(
            f"{plan.name}: {len(plan.train_clips())} clips, {self._total_steps()} steps on"
            f" {self.accelerator.device}"
            + (f", going on after step {progress.step}" if progress.step else "")
        )
        self._step_time = time.monotonic()

    def _total_steps(self) -> int:
        return self.trainer.steps_per_epoch * self.plan.settings.epochs

    def _on_log(self, log: StepLog) -> None:
        append_line(self.steps_log, json.dumps(asdict(log), sort_keys=True))
        now = time.monotonic()
        done = max(1, log.step - self._last_logged)
        per_step = (now - self._step_time) / done
        self._timed_steps += done
        self._timed_s += now - self._step_time
        self._step_time, self._last_logged = now, log.step
        total = self._total_steps()
        self.report(
            f"{self.plan.name}: step {log.step}/{total} epoch {log.epoch} loss {log.loss:.4f}"
            f" {per_step:.2f} s/step, {per_step * (total - log.step):.0f} s to go"
        )

    def _on_epoch(self, progress: Progress) -> None:
        """Export, measure, log and prune; safe to repeat after a kill at any point of it."""
        epoch, plan = progress.epoch, self.plan
        scores = self.measuring.scores(epoch)
        base = self._base_scores()
        combined = combined_score(
            _epoch_scores(scores), _epoch_scores(base), plan.settings.selection
        )
        mean_loss = progress.loss_sum / self.trainer.steps_per_epoch
        metrics = scores | {"combined": combined, "train_loss": mean_loss}
        folder = plan.partial / "adapters" / f"epoch_{epoch}"
        export_adapter(plan, self.trainer.transformer, folder, epoch, progress.step, metrics)
        earlier = self.metrics.combined_until(epoch - 1)
        keep = plan.settings.keep_top_k_adapters
        selection = choose(earlier | {epoch: combined}, keep)
        standing = {*choose(earlier, keep).kept, epoch}
        newly = [item for item in selection.pruned if item.epoch in standing]
        line = self._line(epoch, progress.step, metrics) | {
            "kept_epochs": list(selection.kept),
            "pruned": [asdict(item) for item in newly],
        }
        self.metrics.write(line)
        for item in selection.pruned:
            shutil.rmtree(plan.partial / "adapters" / f"epoch_{item.epoch}", ignore_errors=True)
        for item in newly:
            self.report(f"{plan.name}: adapter of epoch {item.epoch} pruned: {item.reason}")
        self.report(
            f"{plan.name}: epoch {epoch} held-out loss {scores['held_out_loss']:.4f}"
            f" (base {base['held_out_loss']:.4f}), combined {combined:.4f}"
            + ("" if self.measuring.trusted()[0] else " [not fully trained: no quality score]")
        )
        write_curves(plan.partial / "curves.png", self.steps_log, self.metrics.lines())
        self._step_time, self._last_logged = time.monotonic(), progress.step
        self.accelerator.wait_for_everyone()

    def _measure_base(self) -> None:
        """Line 0 of the metrics: the base without adapter, before the first step."""
        if self.metrics.has(0):
            return
        transformer = self.trainer.transformer
        transformer.disable_adapters()
        try:
            scores = self.measuring.scores(0)
        finally:
            transformer.enable_adapters()
        self.metrics.write(self._line(0, 0, scores | {"combined": None, "train_loss": None}))

    def _line(self, epoch: int, step: int, metrics: Mapping[str, Any]) -> dict[str, Any]:
        trusted, note = self.measuring.trusted()
        return {
            "schema_version": 1,
            "epoch": epoch,
            "step": step,
            **metrics,
            "config_hash": self.plan.config_hash,
            "config_difference": self.plan.settings.difference(),
            "dataset_hash": self.plan.dataset_hash,
            "run_hash": self.plan.run_hash,
            "scores_trusted": trusted,
            "scores_note": note,
        }

    def seconds_per_step(self) -> float:
        """Mean over the steps that were timed, validation apart."""
        return self._timed_s / max(1, self._timed_steps)

    def _base_scores(self) -> dict[str, Any]:
        return self.metrics.line(0)

    def finish(self, progress: Progress) -> RunRecord:
        """Prove the last export, write the record, rename the folder into place."""
        plan = self.plan
        combined = self.metrics.combined_until(plan.settings.epochs)
        selection = choose(combined, plan.settings.keep_top_k_adapters)
        parity = self._parity(progress)
        kept = [self._kept(epoch, combined[epoch]) for epoch in selection.kept]
        trusted, note = self.measuring.trusted()
        record = RunRecord(
            run=plan.name, scenarios=list(plan.scenarios), left_out=plan.left_out,
            run_hash=plan.run_hash, config_hash=plan.config_hash,
            config_difference=plan.settings.difference(), dataset_hash=plan.dataset_hash,
            dataset=plan.metadata.dataset.name, licence=plan.metadata.dataset.licence,
            clips=[
                TrainedClip(id=c.id, sha256=c.sha256, scenario=c.scenario, split=c.split)
                for c in plan.clips
            ],
            dropped=plan.dropped, base=plan.identity.model_dump(mode="json"), scorer=plan.scorer,
            scores_trusted=trusted, scores_note=note, epochs=plan.settings.epochs,
            steps=progress.step, base_scores=self._base_scores(), best=kept[0], kept=kept,
            parity=parity, software=software_versions(),
        )  # fmt: skip
        write_json(plan.partial / RUN_RECORD, record.model_dump(mode="json"))
        commit_folder(plan.partial, plan.folder)
        return record

    def _parity(self, progress: Progress) -> Any:
        """Parity of the model in memory, exported once more: the last epoch may be pruned."""
        folder = self.plan.partial / "state" / "parity"
        export_adapter(
            self.plan, self.trainer.transformer, folder, progress.epoch, progress.step, {}
        )
        parity = prove_export(
            self.plan, self.trainer.transformer, folder / ADAPTER_FILE, self.trainer.dtype
        )
        shutil.rmtree(folder)
        return parity

    def _kept(self, epoch: int, combined: float) -> KeptAdapter:
        from slora_assets.provenance.records import read_adapter_record

        path = f"adapters/epoch_{epoch}"
        record = read_adapter_record(self.plan.partial / path)
        return KeptAdapter(epoch=epoch, path=path, sha256=record.sha256, combined=combined)


def _epoch_scores(scores: Mapping[str, Any]) -> EpochScores:
    return EpochScores(
        temporal=scores["temporal_consistency"],
        clip=scores["clip_similarity"],
        held_out_loss=scores["held_out_loss"],
    )


def _truncate_log(path: Path, step: int) -> None:
    """Drop lines past `step`: an interrupted attempt may have written them, the last one torn."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        whole = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        write_text(path, "".join(line + "\n" for line in whole))
