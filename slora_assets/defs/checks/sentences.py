"""What checks say: one sentence with the numbers, whether they pass or not."""

from collections.abc import Iterable, Mapping
from typing import Final

_MOST: Final = 4


def some(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    shown = ", ".join(names[:_MOST])
    return f"{shown} and {len(names) - _MOST} more" if len(names) > _MOST else shown


def some_of(wrong: Mapping[str, str]) -> str:
    """The first things that are wrong, each with why."""
    told = [f"{name or 'the empty prompt'}: {why}" for name, why in list(wrong.items())[:_MOST]]
    more = len(wrong) - len(told)
    return "; ".join([*told, f"and {more} more"] if more > 0 else told)


def counted(count: int, one: str, several: str) -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else several}"
