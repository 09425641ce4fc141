"""How far the mean of paired differences may be from what was measured, when some of them share
something.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEAST_LABELS: Final = 4
"""A kind of label with fewer different ones counts as all there are (left and right, say): what
other ones would do can't be told from so few."""


@dataclass(frozen=True)
class Bounds:
    """One-sided bounds of a mean."""

    mean: float
    lower: float
    upper: float
    shares: dict[str, float]
    """Label -> estimated share of the variance that values with an equal one share; of labels that
    group the values at all."""


def mean_bounds(
    values: NDArray[np.float64],
    labels: Mapping[str, Sequence[str]],
    confidence: float,
    *,
    samples: int,
    seed: int,
    more_variance: float = 0.0,
) -> Bounds:
    """Bounds of the mean of `values` [n >= 2] for values beyond these: other subjects, other
    motions.

    `labels` name for each value what it shares with others. A component of variance is estimated
    for each kind of label (one-way analysis of variance, method of moments; Searle, Casella and
    McCulloch 1992, chapter 3) and adds to the variance of the mean; degrees of freedom after
    Satterthwaite (1946). Values without anything in common give Student's t. Where the bootstrap
    (BCa, which sees skewness, but no labels) reaches farther, its bound is taken. `more_variance`
    is that of a yardstick which was itself measured on few clips.

    Simulated with differences of two margins' standard deviation, 32 prompts and a true loss of
    one margin, labels of 4 to 16 motions and 12 to 32 subjects with up to 0.1 and 0.2 of the
    variance: passed at most 5.7 % of the time, where prompts taken as independent pass up to 22 %
    (`benchmarks/gate_statistics.py`).
    """
    mean = float(values.mean())
    _, reaches, found = label_bounds(values[None], labels, confidence, more_variance)
    reach = float(reaches[0])
    if float(np.square(values - mean).sum()) <= (1e-12 * max(1.0, abs(mean))) ** 2:
        return Bounds(mean, mean - reach, mean + reach, {})
    lower, upper = bca_bounds(values, confidence, samples, seed)
    shares = {label: float(share[0]) for label, share in found.items()}
    return Bounds(mean, min(mean - reach, lower), max(mean + reach, upper), shares)


def label_bounds(
    values: NDArray[np.float64],
    labels: Mapping[str, Sequence[str]],
    confidence: float,
    more_variance: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Means [d] of `values` [d, n], how far their one-sided bounds reach [d], and the labels'
    shares of the variance [d]: the part of `mean_bounds` that respects labels."""
    n, means = values.shape[1], values.mean(axis=1)
    spread = np.square(values - means[:, None]).sum(axis=1)
    alone = spread / (n - 1) / n
    variance, uncertainty = alone + more_variance, alone**2 / (n - 1)
    shares: dict[str, NDArray[np.float64]] = {}
    seen = set()
    for label, found in labels.items():
        names, group = np.unique(np.asarray(found), return_inverse=True)
        grouping = tuple(group.tolist())
        if not LEAST_LABELS <= len(names) < n or grouping in seen:
            continue  # it groups nothing, or has two names: two of one grouping are one component
        seen.add(grouping)
        shared, within, weight, error = _component(values, group)
        total = shared + within
        shares[label] = np.divide(shared, total, out=np.zeros_like(total), where=total > 0)
        variance = variance + weight * shared
        uncertainty = uncertainty + np.where(shared > 0, (weight * error) ** 2, 0.0)
    steady = uncertainty <= 0  # all values are equal: only the yardstick is uncertain
    freedom = np.divide(variance**2, uncertainty, out=np.full(len(means), 1e9), where=~steady)
    return means, stats.t.ppf(confidence, freedom) * np.sqrt(variance), shares


def _component(
    values: NDArray[np.float64], group: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64]]:
    """Of `values` [d, n]: variance [d] that those of an equal group share, that within groups, the
    former's weight in the variance of the mean beyond what independent values give, and the square
    root of its estimate's own variance over two."""
    n, sizes = values.shape[1], np.bincount(group)
    k = len(sizes)
    members = np.eye(k)[group]
    of_groups = values @ members / sizes
    between = (sizes * np.square(of_groups - values.mean(axis=1, keepdims=True))).sum(axis=1)
    between = between / (k - 1)
    within = np.square(values - of_groups[:, group]).sum(axis=1) / (n - k)
    size = (n - float(np.square(sizes).sum()) / n) / (k - 1)
    weight = float(np.square(sizes / n).sum()) - 1 / n
    shared = np.maximum(0.0, between - within) / size
    return shared, within, weight, between / size / float(np.sqrt(k - 1))


def bca_bounds(
    values: NDArray[np.float64], confidence: float, samples: int, seed: int
) -> tuple[float, float]:
    """Lower and upper one-sided bounds of the mean of independent `values` [n >= 2].

    Bias-corrected and accelerated bootstrap (Efron 1987; Efron and Tibshirani 1993, chapter 14).
    Chosen over the percentile bootstrap because paired differences are skewed: for means of 32
    log-normal values the percentile's 5 % lower bound errs 16 % of the time on the long side and
    2 % on the other, BCa's 12 % and 5 %. The remaining error is what the vetoes are for.
    """
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=samples,
            confidence_level=2 * confidence - 1,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    mean = float(values.mean())
    lower, upper = float(found.low), float(found.high)
    # Where all resamples agree there is nothing to correct, and scipy says NaN.
    return lower if np.isfinite(lower) else mean, upper if np.isfinite(upper) else mean
