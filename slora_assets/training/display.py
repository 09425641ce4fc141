"""What a run tells while it works, and two ways of showing it: lines, or a bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tqdm import tqdm

Report = Callable[[str], None]
"""Called with a line for people, from the main process only."""


@dataclass(frozen=True)
class StepReport:
    """Where a run stands after a step."""

    run: str
    step: int
    steps: int
    epoch: int
    loss: float
    seconds_per_step: float
    """Over the steps since the last report, validation apart."""
    peak_memory_bytes: int
    """Most so far: the accelerator's memory where there is one, else the process's."""

    @property
    def seconds_to_go(self) -> float:
        """At the present pace, validation apart."""
        return self.seconds_per_step * (self.steps - self.step)

    def line(self) -> str:
        """For logs."""
        return (
            f"{self.run}: step {self.step}/{self.steps} epoch {self.epoch} loss {self.loss:.4f}"
            f" {self.seconds_per_step:.2f} s/step, {self.seconds_to_go:.0f} s to go,"
            f" peak {self.peak_memory_bytes / 1e9:.1f} GB"
        )


class Display:
    """Shows lines and step reports; as context it leaves the terminal tidy."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def line(self, text: str) -> None:
        """Something worth a line of its own."""
        self._report(text)

    def step(self, report: StepReport) -> None:
        """A step that is due for reporting."""
        self._report(report.line())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lines need no tidying."""


class Bar(Display):
    """A progress bar below the lines."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._bar: tqdm | None = None

    def line(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def step(self, report: StepReport) -> None:
        from tqdm import tqdm

        if self._bar is None or self._bar.desc != report.run:
            self._close()
            # Begun at the step before: a resumed run's pace is not that of its whole length.
            self._bar = tqdm(
                total=report.steps,
                desc=report.run,
                initial=report.step,
                unit="step",
                dynamic_ncols=True,
            )
        self._bar.set_postfix_str(
            f"epoch {report.epoch} loss {report.loss:.4f} {report.seconds_per_step:.2f} s/step"
            f" {report.peak_memory_bytes / 1e9:.1f} GB",
            refresh=False,
        )
        self._bar.update(report.step - self._bar.n)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def display(report: Report) -> Display:
    """A bar where a person watches a terminal, else lines."""
    return Bar(report) if sys.stderr.isatty() else Display(report)
