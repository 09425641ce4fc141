"""Where work is done, as SLORA_COMPUTE says."""

from __future__ import annotations

import os
from typing import Final, Literal

from slora_assets.config.errors import ConfigError

COMPUTE: Final = "SLORA_COMPUTE"
Compute = Literal["local", "ray"]
"""Where work is done: by processes of this machine, or on a Ray cluster."""
COMPUTES: Final[tuple[Compute, ...]] = ("local", "ray")


def chosen_compute() -> Compute:
    """What SLORA_COMPUTE says. Raises ConfigError for what there isn't."""
    found = os.environ.get(COMPUTE) or "local"
    for one in COMPUTES:
        if found == one:
            return one
    raise ConfigError(
        "the environment variable names nothing that work can be done with",
        key=COMPUTE,
        found=found,
        expected="local or ray",
        remedy=f"set {COMPUTE}=local",
    )
