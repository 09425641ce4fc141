"""What a launch file of accelerate asks for, in the recipe's own words.

`distributed_type: FSDP` is the lever `shard_blocks`: accelerate's own wrapping would take the
adapter apart as well, which every process keeps whole.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

from slora_assets.config.errors import ConfigError

_FSDP: Final = "ACCELERATE_USE_FSDP"
_ELSEWHERE: Final = {
    "FSDP_OFFLOAD_PARAMS": ("true", "it doesn't go with shared blocks: leave it false"),
    "FSDP_ACTIVATION_CHECKPOINTING": ("true", "set gradient_checkpointing in the recipe instead"),
    "FSDP_RESHARD_AFTER_FORWARD": ("false", "blocks are always given back: leave it true"),
}
"""What a launch file may not say, and what to do about it."""


def overrides_of_launch(environment: MutableMapping[str, str]) -> list[str]:
    """Overrides of the recipe that the launch file stands for; accelerate finds nothing of them
    left in `environment`. Raises ConfigError for what can't be had under FSDP."""
    if environment.get(_FSDP, "").lower() != "true":
        return []
    for name, (refused, remedy) in _ELSEWHERE.items():
        if environment.get(name, "").lower() == refused:
            raise ConfigError(
                "the launch file asks for what shared blocks can't do",
                key=f"fsdp_config.{name.lower()}",
                found=refused,
                remedy=remedy,
            )
    del environment[_FSDP]
    return ["levers.shard_blocks=true"]
