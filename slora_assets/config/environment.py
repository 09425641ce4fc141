"""Every environment variable that slora reads, with what it means: a list to look things up in,
and the one reader of those that say yes or no.

Each is read where it is needed (`config/workspace.py`, `api/settings.py`, ...); `docs/settings.md`
is written from this list, and a test holds it against the code.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from typing import Final

from slora_assets.config.errors import ConfigError

RESTART: Final = "SLORA_RESTART"
PREVIEW: Final = "SLORA_PREVIEW"
JOBS: Final = "SLORA_JOBS_URL"
TRACEBACK: Final = "SLORA_TRACEBACK"
TIME_STAMPS: Final = "SLORA_TSA_URL"
SET: Final = "SLORA_SET"
REQUIRE_KEYS: Final = "SLORA_REQUIRE_KEYS"
WARM: Final = "SLORA_WARM"
STORE: Final = "SLORA_STORE"
IDLE: Final = "SLORA_IDLE_S"
ACCELERATOR_WAIT: Final = "SLORA_ACCELERATOR_WAIT_S"
FOOTAGE_CACHE: Final = "SLORA_FOOTAGE_CACHE_GIB"
CORES: Final = "SLORA_CORES"
LANES: Final = "SLORA_LANES"
SWITCHES: Final = (RESTART, PREVIEW, TRACEBACK, REQUIRE_KEYS, WARM)
"""Variables that say yes or no."""

_YES: Final = ("1", "yes", "true", "on", "y")
_NO: Final = ("", "0", "no", "false", "off", "n")


def switch(name: str) -> bool:
    """Whether a variable says yes; nothing and no are no. Raises ConfigError for anything else."""
    found = os.environ.get(name, "")
    value = found.strip().lower()
    if value not in _YES + _NO:
        raise ConfigError(
            "the environment variable says neither yes nor no",
            key=name,
            found=found,
            expected="1, yes, true or on; or 0, no, false, off or nothing",
            remedy=f"set {name}=1, or {name}=0",
        )
    return value in _YES


def seconds(name: str, default: float) -> float:
    """What a variable says in seconds, 0 or more. Raises ConfigError for anything else."""
    return _number(name, default, "seconds", least=0.0)


def gibibytes(name: str, default: float) -> float:
    """What a variable says in GiB, as bytes. Raises ConfigError for anything but more than 0."""
    return _number(name, default, "GiB", above=0.0) * 2**30


def count(name: str, most: int | None = None) -> int | None:
    """How many a variable says, None where it says nothing. Raises ConfigError for anything but a
    whole number from 1 to `most`."""
    found = os.environ.get(name, "").strip()
    if not found:
        return None
    value = int(found) if re.fullmatch(r"[0-9]{1,9}", found) else 0
    if not 1 <= value <= (most or value):
        raise ConfigError(
            "the environment variable is no such number",
            key=name,
            found=found,
            expected=f"a whole number from 1 to {most}" if most else "a whole number, 1 or more",
            remedy=f"set {name}=1, or leave it out",
        )
    return value


def _number(
    name: str, default: float, unit: str, least: float = -math.inf, above: float = -math.inf
) -> float:
    found = os.environ.get(name, "").strip()
    try:
        value = float(found) if found else default
    except ValueError:
        value = math.nan
    if not (least <= value < math.inf and value > above):
        raise ConfigError(
            f"the environment variable is no number of {unit}",
            key=name,
            found=found,
            expected=f"{least:g} or more" if least > above else f"more than {above:g}",
            remedy=f"set {name}={default:g}",
        )
    return value


def recipe_overrides() -> list[str]:
    """What SLORA_SET sets over the recipe, each `dotted.key=value`. Raises ConfigError for quotes
    without an end."""
    found = os.environ.get(SET, "")
    try:
        return shlex.split(found)
    except ValueError as error:
        raise ConfigError(
            f"the environment variable can't be read ({error})",
            key=SET,
            found=found,
            expected="dotted.key=value, parted by spaces",
            remedy="close the quotes",
        ) from error


def check_switches() -> None:
    """Raise ConfigError for a variable that should say yes or no and says neither."""
    for name in SWITCHES:
        switch(name)
