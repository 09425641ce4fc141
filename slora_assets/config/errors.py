"""The exceptions of slora: every message is a sentence with file, key, found, expected, remedy.

Raised anywhere below the edges; the command line, Dagster and the API decide how to show them.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

MOST_FOUND: Final = 200
"""Characters of what was found that a sentence shows: a file of 5 MB once stood in one."""
_MOST_SAID: Final = 1000
"""Likewise of its other parts: libraries quote whole tensors and pages."""
NO_ROOM: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free some space; the same command goes on from there",
    errno.EDQUOT: "free some space; the same command goes on from there",
    errno.EFBIG: "allow larger files there (ulimit -f), or name another place",
}
"""The system's numbers for a write that finds no room, and what to do."""


def shortened(found: object) -> str:
    """`found` as it is shown to people: on one line, its beginning alone where it is long."""
    if isinstance(found, str | bytes | bytearray):
        found = found[: MOST_FOUND + 1]  # of megabytes no more than that is written out
    try:
        text = repr(found)
    except (RecursionError, ValueError):  # nested too deep, or a number of 5,000 digits
        text = f"a {type(found).__name__}"
    return cut(text, MOST_FOUND)


def complaint(error: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says: of a validator its own words alone."""
    own = error.get("ctx", {}).get("error") if error["type"] == "value_error" else None
    return str(own or error["msg"])


def cut(text: str, most: int = MOST_FOUND) -> str:
    """Of a long text the beginning, and that it goes on."""
    return text if len(text) <= most else f"{text[: most - 4]} ..."


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

    @property
    def pathless(self) -> str:
        """What, in which file by its name alone, and the remedy: the same on every machine."""
        file = f"{self.file.name}: " if self.file is not None else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{file}{self.what}{remedy}".rstrip(".") + "."

    def _sentence(self) -> str:
        place = ""
        if self.file is not None:
            place = str(self.file) + (f", line {self.line}" if self.line else "")
        if self.key is not None:
            place += f"{', ' if place else ''}key '{cut(self.key, MOST_FOUND)}'"
        what = cut(self.what, _MOST_SAID)
        text = f"{place}: {what}" if place else what
        if self.found is not None:
            text += f"; found {shortened(self.found)}"
        if self.expected is not None:
            text += f"; expected {cut(self.expected, _MOST_SAID)}"
        if self.remedy is not None:
            text += f". Remedy: {self.remedy}"
        text = re.sub(r"\s*[\r\n\v\f\x85\u2028\u2029]\s*", " ", text.strip())
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


class UnreadableError(SloraError):
    """The system or a library can't read, write or fetch what it was given."""


class NoRoomError(UnreadableError):
    """A disk that is full, a quota or a limit leaves no room for what is to be written."""


class InterruptedRunError(SloraError):
    """The run was asked to stop; what it had done is checkpointed and the same command goes on."""


class GateError(SloraError):
    """An adapter may not be promoted or served."""


class TaintedError(GateError):
    """An adapter has seen footage that was taken down since."""


class MarkingError(SloraError):
    """A generated video doesn't show its marks, so it is not published."""
