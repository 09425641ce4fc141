"""The log of a run's steps: a file that is part of the run, and what people and trackers see."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

from slora_assets.provenance import append_line, write_text
from slora_assets.training.display import Display, StepReport
from slora_assets.training.loop.trainer import StepLog
from slora_assets.training.speed.memory import peak_memory_bytes
from slora_assets.training.trackers import Tracker


def _step_of(line: str) -> float:
    """The step of a line; infinity for one that was torn or damaged."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


class StepsLog:
    """Writes `training_log.jsonl` and measures the pace."""

    def __init__(
        self, path: Path, run: str, total: int, display: Display, tracker: Tracker
    ) -> None:
        self.path, self._run, self._total = path, run, total
        self._display, self._tracker = display, tracker
        self._since, self._last = time.monotonic(), 0
        self._timed_steps, self._timed_s = 0, 0.0

    @property
    def seconds_per_step(self) -> float:
        """Mean over the steps that were timed, validation apart."""
        return self._timed_s / max(1, self._timed_steps)

    def go_on_from(self, step: int) -> None:
        """Drop lines past `step`: an interrupted attempt may have written them, the last one
        torn."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
            whole = [one for one in lines if _step_of(one) <= step]
            write_text(self.path, "".join(line + "\n" for line in whole))
        self.start_clock(step)

    def start_clock(self, step: int) -> None:
        """Steps after `step` are timed from now on."""
        self._since, self._last = time.monotonic(), step

    def write(self, log: StepLog) -> None:
        """Log a step that is due."""
        append_line(self.path, json.dumps(asdict(log), sort_keys=True))
        now = time.monotonic()
        done = max(1, log.step - self._last)
        took = now - self._since
        self._timed_steps += done
        self._timed_s += took
        self._since, self._last = now, log.step
        report = StepReport(
            run=self._run,
            step=log.step,
            steps=self._total,
            epoch=log.epoch,
            loss=log.loss,
            seconds_per_step=took / done,
            peak_memory_bytes=peak_memory_bytes(),
        )
        self._display.step(report)
        measured = {"train_loss": log.loss, "grad_norm": log.grad_norm, "lr": log.learning_rate}
        pace = {"seconds_per_step": took / done, "peak_memory_gb": report.peak_memory_bytes / 1e9}
        self._tracker.log(measured | pace, log.step)
