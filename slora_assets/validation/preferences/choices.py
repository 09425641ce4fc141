"""`outputs/comparisons/<run>.jsonl`: choices are appended to a hash-chained log, a JSON line each,
fsynced; read back, a person's last choice on a pair counts, and those on older samples don't."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from slora_assets.config.errors import IntegrityError
from slora_assets.documents import Comparison, LoggedComparison
from slora_assets.provenance import chained_log

Preferred = Literal["base", "adapter", "no_difference"]


@dataclass(frozen=True)
class Choices:
    """The choices of a run that count, and how many don't because they are on other samples."""

    standing: list[LoggedComparison]
    stale: int


def keep_choice(path: Path, choice: Comparison) -> LoggedComparison:
    """Append a choice. Raises IntegrityError when the log was changed by other hands."""
    line = chained_log.append(path, choice.model_dump(mode="json"))
    return LoggedComparison.model_validate(line)


def read_choices(path: Path) -> list[LoggedComparison]:
    """All lines, oldest first, without a torn last one; none when there is no file.

    Raises IntegrityError for a line that is not what was appended.
    """
    choices = []
    for number, line in enumerate(chained_log.verify(path), start=1):
        try:
            choices.append(LoggedComparison.model_validate(line))
        except ValidationError as error:
            raise IntegrityError(
                f"not a choice ({error.errors()[0]['msg']})", file=path, line=number
            ) from error
    return choices


def standing_choices(
    lines: Iterable[LoggedComparison], adapter_sha256: str, validation_hash: str
) -> Choices:
    """Of lines in the order of writing: the last of each person on each pair of these samples."""
    last: dict[tuple[str, str, int], LoggedComparison] = {}
    stale: set[tuple[str, str, int, str, str]] = set()
    for line in lines:
        pair = (line.person, line.prompt_id, line.seed)
        if (line.adapter_sha256, line.validation_hash) == (adapter_sha256, validation_hash):
            last[pair] = line
        else:
            stale.add((*pair, line.adapter_sha256, line.validation_hash))
    return Choices([*last.values()], len(stale))


def preferred(choice: Comparison) -> Preferred:
    """What a choice says, once it is known what stood where."""
    if choice.pressed == "no_difference":
        return "no_difference"
    return "adapter" if (choice.pressed == "left") == (choice.left == "adapter") else "base"
