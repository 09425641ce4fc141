"""How far the mean of paired differences may be from what was measured."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def bca_bounds(
    values: NDArray[np.float64], confidence: float, samples: int, seed: int
) -> tuple[float, float]:
    """Lower and upper one-sided bounds of the mean of `values` [n >= 2].

    Bias-corrected and accelerated bootstrap (Efron 1987; Efron and Tibshirani 1993, chapter 14).
    Chosen over the percentile bootstrap because paired differences are skewed: for means of 32
    log-normal values the percentile's 5 % lower bound errs 16 % of the time on the long side and
    2 % on the other, BCa's 12 % and 5 %. The remaining error is what the vetoes are for.
    """
    normal = NormalDist()
    n, mean = len(values), float(values.mean())
    centred = values - mean
    spread = float(np.square(centred).sum())
    if spread <= (1e-12 * max(1.0, abs(mean))) ** 2:
        return mean, mean
    draws = np.random.default_rng(seed).integers(0, n, (samples, n))
    means = values[draws].mean(axis=1)
    below = float((means < mean).mean() + (means == mean).mean() / 2)
    bias = normal.inv_cdf(min(max(below, 0.5 / samples), 1 - 0.5 / samples))
    acceleration = float((centred**3).sum()) / (6 * spread**1.5)

    def bound(level: float) -> float:
        shifted = bias + normal.inv_cdf(level)
        share = normal.cdf(bias + shifted / max(1 - acceleration * shifted, 1e-6))
        return float(np.quantile(means, share))

    return bound(1 - confidence), bound(confidence)
