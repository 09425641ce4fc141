"""What a set of prompts can tell: how often the bound of a metric lets through what it should not,
and what it should, simulated for these very prompts and the variance that was met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from slora_assets.validation.gate.statistics import label_bounds

DRAWS: Final = 2000


class Design(NamedTuple):
    """Shares of simulated adapters that pass a metric's bound, 0..1."""

    false_pass: float
    """Of those that are just as much worse as may not be."""
    power: float
    """Of those whose mean difference is `equal`."""


def simulate(
    variance: float,
    shares: Mapping[str, float],
    labels: Mapping[str, Sequence[str]],
    margin: float,
    equal: float,
    confidence: float,
    more_variance: float = 0.0,
    seed: int = 0,
) -> Design:
    """Draw differences of normal distribution with this `variance`, of which values with an equal
    label share `shares`, and bound their mean as the gate does, less its bootstrap, which can only
    refuse more. `more_variance` is the yardstick's: it shifts all values of a draw together.
    """
    n = len(next(iter(labels.values())))
    random = np.random.default_rng(seed)
    alone = max(0.0, 1 - sum(shares.values()))
    values = np.sqrt(alone * variance) * random.standard_normal((DRAWS, n))
    for label, share in shares.items():
        names, group = np.unique(np.asarray(labels[label]), return_inverse=True)
        values += (np.sqrt(share * variance) * random.standard_normal((DRAWS, len(names))))[
            :, group
        ]
    values += np.sqrt(more_variance) * random.standard_normal((DRAWS, 1))
    means, reaches, _ = label_bounds(values, labels, confidence, more_variance)
    return Design(
        false_pass=float((means > reaches).mean()),
        power=float((means + equal + margin > reaches).mean()),
    )
