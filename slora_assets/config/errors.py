"""The exceptions of slora: every message is a sentence with file, key, found, expected, remedy.

Raised anywhere below the edges; the command line, Dagster and the API decide how to show them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any


class SloraError(Exception):
    """Base of all errors that a user can do something about.

    The parts stay readable as attributes, so that the API can show some and keep file paths back.
    """

    def __init__(
        self,
        what: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        key: str | None = None,
        found: object = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.file = Path(file) if file is not None else None
        self.line = line
        self.key = key
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ""
        if self.file is not None:
            place = str(self.file) + (f", line {self.line}" if self.line else "")
        if self.key is not None:
            place += f"{', ' if place else ''}key '{self.key}'"
        text = f"{place}: {self.what}" if place else self.what
        if self.found is not None:
            text += f"; found {self.found!r}"
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.remedy is not None:
            text += f". Remedy: {self.remedy}"
        return text + ("" if text.endswith(".") else ".")


class ConfigError(SloraError):
    """A configuration file holds something it must not, or lacks something it must."""


class MissingInputError(SloraError):
    """A file that an earlier stage makes, or that the user supplies, is not there."""


class IntegrityError(SloraError):
    """A file's content is not what its record says, or a record contradicts itself."""


class CurationError(SloraError):
    """The footage or its annotations can't give what a scenario needs."""


class FootageError(SloraError):
    """A clip can't be decoded as asked; `reason` is the quarantine's reason code."""

    def __init__(self, reason: str, what: str, *, file: Path | str | None = None) -> None:
        self.reason = reason
        super().__init__(what, file=file)

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come back from worker processes."""
        return partial(FootageError, file=self.file), (self.reason, self.what)


class TrainingError(SloraError):
    """A training run can't start, go on or finish."""


class InterruptedRunError(SloraError):
    """The run was asked to stop; what it had done is checkpointed and the same command goes on."""


class GateError(SloraError):
    """An adapter may not be promoted or served."""
