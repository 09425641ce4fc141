"""Which epochs' adapters to keep: an epoch's measurements in, one number and a ranking out.

Pure. The number orders the epochs of one run against each other; verdicts come from the gate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from slora_assets.config.errors import SloraError
from slora_assets.config.training import SelectionWeights


@dataclass(frozen=True)
class EpochScores:
    """Validation of one epoch, or of the base without adapter; means over prompts and seeds."""

    temporal: float | None
    """temporal_consistency, 0..1; null when the samples are frozen."""
    clip: float | None
    """CLIPSIM, -1..1; null when no scorer ran."""
    held_out_loss: float
    """Training loss on the validation split; lower is better."""


@dataclass(frozen=True)
class Pruned:
    """An epoch whose adapter is not kept."""

    epoch: int
    combined: float | None
    """Null when it was not finite."""
    rank: int
    """1 is the best of all candidates."""
    reason: str


@dataclass(frozen=True)
class Selection:
    """The epochs kept, best first, and the others by rank."""

    kept: tuple[int, ...]
    pruned: tuple[Pruned, ...]


def combined_score(metrics: EpochScores, base: EpochScores, weights: SelectionWeights) -> float:
    """w_t * temporal + w_c * clip - w_l * held_out_loss / base.held_out_loss; higher is better.

    A null temporal or clip adds nothing, so freezing never pays. NaN when a measurement is NaN.
    Raises SloraError when the base's loss is not above zero.
    """
    if not (math.isfinite(base.held_out_loss) and base.held_out_loss > 0):
        raise SloraError(
            "the base's held-out loss is the yardstick of every epoch",
            key="held_out_loss",
            found=base.held_out_loss,
            expected="a finite number above zero",
            remedy="measure the base on the validation split again",
        )
    gain = weights.temporal * (metrics.temporal or 0.0) + weights.clip * (metrics.clip or 0.0)
    return gain - weights.held_out_loss * metrics.held_out_loss / base.held_out_loss


def choose(candidates: Mapping[int, float], keep: int) -> Selection:
    """Keep the `keep` best of `candidates` (epoch -> combined score).

    Ties go to the earlier epoch, which trained less. A score that is not finite ranks last.
    Raises SloraError for keep < 1.
    """
    if keep < 1:
        raise SloraError("at least one adapter has to be kept", key="keep", found=keep)
    ranked = sorted(candidates, key=lambda epoch: _order(epoch, candidates[epoch]))
    kept = tuple(ranked[:keep])
    pruned = tuple(
        _pruned(epoch, rank, candidates, kept) for rank, epoch in enumerate(ranked[keep:], keep + 1)
    )
    return Selection(kept, pruned)


def _order(epoch: int, combined: float) -> tuple[bool, float, int]:
    finite = math.isfinite(combined)
    return (not finite, -combined if finite else 0.0, epoch)


def _pruned(
    epoch: int, rank: int, candidates: Mapping[int, float], kept: tuple[int, ...]
) -> Pruned:
    combined = candidates[epoch]
    place = f"Epoch {epoch} ranks {rank} of {len(candidates)}"
    if not math.isfinite(combined):
        return Pruned(epoch, None, rank, f"{place} because its score is {combined}.")
    gap = candidates[kept[-1]] - combined
    reason = (
        f"{place} with {combined:.4f}, {gap:.4f} behind epoch {kept[-1]}, the last one kept."
        if gap > 0
        else f"{place} with {combined:.4f}, the same as epoch {kept[-1]}, which came earlier."
    )
    return Pruned(epoch, combined, rank, reason)
