"""`validation_metrics.jsonl`: a line per epoch, the first for the base; rewritten whole."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import IntegrityError
from slora_assets.provenance import write_text

METRICS_FILE: Final = "validation_metrics.jsonl"


class MetricsLog:
    """The lines of one run, by epoch. Writing an epoch drops the lines after it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[int, dict[str, Any]] = {}
        if path.exists():
            try:
                for text in path.read_text(encoding="utf-8").splitlines():
                    line = json.loads(text)
                    self._lines[line["epoch"]] = line
            except (ValueError, KeyError, TypeError) as error:
                raise IntegrityError(
                    f"not a metrics log ({error})", file=path, remedy="delete the run's folder"
                ) from error

    def has(self, epoch: int) -> bool:
        """Was this epoch measured?"""
        return epoch in self._lines

    def line(self, epoch: int) -> dict[str, Any]:
        """The line of an epoch. Raises KeyError."""
        return self._lines[epoch]

    def lines(self) -> list[dict[str, Any]]:
        """All lines, by epoch."""
        return [self._lines[epoch] for epoch in sorted(self._lines)]

    def combined_until(self, epoch: int) -> dict[int, float]:
        """Combined metric of the epochs 1 to `epoch`; what could not be measured is NaN."""
        return {
            number: math.nan if line["combined"] is None else float(line["combined"])
            for number, line in sorted(self._lines.items())
            if 1 <= number <= epoch
        }

    def write(self, line: dict[str, Any]) -> None:
        """Set the line of its epoch and drop those after it."""
        epoch = int(line["epoch"])
        self._lines = {number: old for number, old in self._lines.items() if number < epoch}
        self._lines[epoch] = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in line.items()
        }
        text = "".join(
            json.dumps(entry, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
            for entry in self.lines()
        )
        write_text(self._path, text)
