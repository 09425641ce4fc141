"""When sampling of an adapter's clips would have ended early: the gate's looks, a seed at a time.

Validation draws the clips of a seed, looks, and goes on to the next; here all are there already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import as_runs_do  # noqa: F401  # first

from slora_assets.config.validation import GateSettings
from slora_assets.documents import FootageClip, PromptPair
from slora_assets.validation.gate.futility import hopeless


class Looked(NamedTuple):
    """What was seen of an adapter, and why no more."""

    pairs: list[PromptPair]
    reasons: list[str]


def looked_at(
    pairs: Sequence[PromptPair], footage: Sequence[FootageClip], settings: GateSettings
) -> Looked:
    """All pairs, or those until the adapter was given up, with the reasons."""
    seeds = list(dict.fromkeys(pair.seed for pair in pairs))
    seen: list[PromptPair] = []
    for seed in seeds:
        seen += [pair for pair in pairs if pair.seed == seed]
        if seed != seeds[-1] and (reasons := hopeless(seen, footage, settings)):
            return Looked(seen, reasons)
    return Looked(seen, [])
