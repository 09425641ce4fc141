"""Whether an adapter is so much worse that more clips can't save it: sampling ends early then.

Such a look can only fail an adapter, so that it makes no false pass likelier (a non-binding look
for futility: Jennison and Turnbull 2000, chapter 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slora_assets.config.validation import GateSettings
from slora_assets.documents import FootageClip, PromptPair
from slora_assets.validation.gate.comparison import compare, distinct_clips

SURE: Final = 0.999
"""Confidence at which an adapter is given up: of adapters that just reach a limit no more than one
in a thousand is, at each look and in each metric."""

LEAST_CLIPS: Final = 6
"""Distinct clips, below which nothing is given up: the bound rests on their spread."""


def hopeless(
    pairs: Sequence[PromptPair], footage: Sequence[FootageClip], settings: GateSettings
) -> list[str]:
    """Why the adapter of `pairs` can't pass any more, a sentence for each such metric; none while
    it may."""
    clips = distinct_clips(pairs)
    if len(clips) < LEAST_CLIPS:
        return []
    surely = settings.model_copy(update={"confidence": SURE})
    reasons = []
    for name in settings.guards:
        found = compare(name, clips, footage, surely).guarded
        if found.n < LEAST_CLIPS or found.upper is None or found.upper >= found.limit:
            continue
        reasons.append(
            f"{name} is short of its limit by at least {found.limit - found.upper:.4g} after"
            f" {found.n} clips, with {SURE:.1%} confidence."
        )
    return reasons
