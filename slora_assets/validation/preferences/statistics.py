"""What choices say of strengths, shares and agreement: pure functions over numbers.

A score is 1 where the adapter was preferred, 0 where the base was, and 1/2 for "no difference". The
unit is the prompt: choices on one prompt, of several persons or seeds, are judgements of the same
two clips or nearly so, and count for as much as they differ (`informative_counts`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FOR_EACH: Final = 0.5
"""Wins that each side of a compared pair is given beforehand."""


@dataclass(frozen=True)
class Estimate:
    """A value with its two-sided interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Contest:
    """`wins` of `n` comparisons went to `first`, ties as half a win to each; neither need be
    whole."""

    first: str
    second: str
    wins: float
    n: float


def wilson(successes: float, n: float, confidence: float = 0.95) -> Estimate | None:
    """A share with its score interval (Wilson 1927), None of nothing.

    Never empty at 0 or 1: of 0 successes among 32 the upper end is 0.107.
    """
    if n <= 0:
        return None
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    share = successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def alikeness(groups: Sequence[Sequence[float]]) -> float:
    """How alike the scores of one prompt are, beside those of others: the intraclass correlation of
    a one-way analysis of variance, 0 to 1.

    1 where nothing can be told (one score per prompt, or all scores the same): then a prompt counts
    once, however many judged it.
    """
    filled = [group for group in groups if group]
    sizes = np.array([len(group) for group in filled], np.float64)
    total, k = float(sizes.sum()), len(filled)
    if k < 2 or total == k:
        return 1.0
    means = np.array([fmean(group) for group in filled])
    everything = float((sizes * means).sum()) / total
    between = float((sizes * (means - everything) ** 2).sum()) / (k - 1)
    within = sum(
        (score - mean) ** 2 for group, mean in zip(filled, means, strict=True) for score in group
    ) / (total - k)
    size = (total - float((sizes**2).sum()) / total) / (k - 1)
    spread = between + (size - 1) * within
    if spread <= 1e-12:
        return 1.0
    return float(min(1.0, max(0.0, (between - within) / spread)))


def informative_counts(groups: Sequence[Sequence[float]]) -> list[float]:
    """How many independent judgements each prompt's scores are worth: m / (1 + (m - 1) alikeness),
    the design effect of a cluster sample (Kish 1965). Copies of a person change nothing."""
    alike = alikeness(groups)
    return [len(group) / (1 + (len(group) - 1) * alike) if group else 0.0 for group in groups]


def contest(first: str, second: str, groups: Sequence[Sequence[float]]) -> Contest:
    """The scores of `first` over `second`, by prompt, as a contest."""
    counts = informative_counts(groups)
    wins = sum(n * fmean(group) for n, group in zip(counts, groups, strict=True) if group)
    return Contest(first, second, wins, sum(counts))


def strengths(
    contests: Sequence[Contest], reference: str, confidence: float = 0.95
) -> dict[str, Estimate]:
    """Bradley-Terry strengths as log odds over `reference`, which has 0.

    Ties count half to each side. Each side of a pair that was compared gets half a win beforehand,
    which is Jeffreys' prior where one pair stands alone (Firth 1993): a side that won all of n has
    log(2 n + 1), not infinity. Intervals are of the profile likelihood (Heinze and Schemper 2002),
    so they are not symmetric, and finite too. Raises ValueError for a player that no chain of
    comparisons joins to `reference`.
    """
    merged = _merged(contests)
    players = list(dict.fromkeys([reference, *(name for pair in merged for name in pair)]))
    _check_joined(players, merged, reference)
    index = {name: place for place, name in enumerate(players)}
    design = np.zeros((len(merged), len(players)))
    for row, (first, second) in enumerate(merged):
        design[row, index[first]], design[row, index[second]] = 1.0, -1.0
    wins = np.array([wins for wins, _ in merged.values()])
    n = np.array([n for _, n in merged.values()])
    model = _Likelihood(design, wins, n)
    best, peak = model.fitted(np.zeros(len(players)), range(1, len(players)))
    drop = NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / 2
    found = {reference: Estimate(0.0, 0.0, 0.0)}
    for name in players[1:]:
        ends = [_profile_end(model, best, index[name], peak - drop, way) for way in (-1, 1)]
        found[name] = Estimate(float(best[index[name]]), *ends)
    return found


def win_probability(strength: float) -> float:
    """The probability that a strength of log odds stands for."""
    return 1 / (1 + math.exp(-strength))


def krippendorff_alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Agreement beyond chance on nominal answers (Krippendorff 1970): 1 is full, 0 is chance.

    `units` holds the answers on each pair; those with one answer say nothing. None where nobody
    judged what another did, or where only one answer was ever given.
    """
    judged = [unit for unit in units if len(unit) >= 2]
    totals = Counter(answer for unit in judged for answer in unit)
    n = sum(totals.values())
    by_chance = n * n - sum(count * count for count in totals.values())
    if by_chance == 0:
        return None
    observed = 0.0
    for unit in judged:
        alike = sum(count * count for count in Counter(unit).values())
        observed += (len(unit) ** 2 - alike) / (len(unit) - 1)
    return 1 - (n - 1) * observed / by_chance


@dataclass(frozen=True)
class Concordance:
    """How often two signs agree, of the prompts on which both are decided."""

    agreeing: int
    n: int
    undecided: int
    """Prompts on which one of the two is zero."""
    share: Estimate | None
    by_chance: float | None
    """What two signs would agree on that are as often positive, and have nothing to do with each
    other."""


def concordance(signs: Sequence[tuple[float, float]], confidence: float = 0.95) -> Concordance:
    """Of pairs of numbers, one pair per prompt: do they have the same sign?"""
    decided = [(first > 0, second > 0) for first, second in signs if first != 0 and second != 0]
    n, agreeing = len(decided), sum(first == second for first, second in decided)
    by_chance = None
    if n:
        one, other = (sum(column) / n for column in zip(*decided, strict=True))
        by_chance = one * other + (1 - one) * (1 - other)
    return Concordance(agreeing, n, len(signs) - n, wilson(agreeing, n, confidence), by_chance)


class _Likelihood:
    """The likelihood of strengths under contests with half a win for each side on top."""

    def __init__(
        self, design: NDArray[np.float64], wins: NDArray[np.float64], n: NDArray[np.float64]
    ) -> None:
        self._design = design
        self._wins, self._losses = wins + _FOR_EACH, n - wins + _FOR_EACH

    def fitted(
        self, start: NDArray[np.float64], free: Sequence[int]
    ) -> tuple[NDArray[np.float64], float]:
        """The most likely strengths where those not `free` stay as in `start`, and their log
        likelihood; Newton's steps, halved while they overshoot."""
        columns = list(free)
        design = self._design[:, columns]
        at, value = start.copy(), self._value(start)
        for _ in range(100 if columns else 0):
            share = 1 / (1 + np.exp(-(self._design @ at)))
            n = self._wins + self._losses
            slope = design.T @ (self._wins - n * share)
            bend = design.T @ (design * (n * share * (1 - share))[:, None])
            step = np.linalg.solve(bend, slope)
            for _ in range(60):
                tried = at.copy()
                tried[columns] += step
                if (reached := self._value(tried)) >= value:
                    break
                step /= 2
            else:
                break
            done = bool(np.abs(step).max() < 1e-10)
            at, value = tried, reached
            if done:
                break
        return at, value

    def _value(self, at: NDArray[np.float64]) -> float:
        difference = self._design @ at
        won, lost = -np.logaddexp(0, -difference), -np.logaddexp(0, difference)
        return float((self._wins * won + self._losses * lost).sum())


def _profile_end(
    model: _Likelihood, best: NDArray[np.float64], player: int, level: float, way: int
) -> float:
    """Where the likelihood, at its best over the others, falls to `level` on one side of `best`."""
    others = [place for place in range(1, len(best)) if place != player]

    def inside(value: float) -> bool:
        start = best.copy()
        start[player] = value
        return model.fitted(start, others)[1] > level

    near, step = float(best[player]), 1.0
    while inside(far := near + way * step):
        near, step = far, 2 * step
    for _ in range(40):
        middle = (near + far) / 2
        near, far = (middle, far) if inside(middle) else (near, middle)
    return (near + far) / 2


def _merged(contests: Sequence[Contest]) -> Mapping[tuple[str, str], tuple[float, float]]:
    """One contest per pair of players, whichever of them was named first: wins of the first, n."""
    merged: dict[tuple[str, str], tuple[float, float]] = {}
    for one in contests:
        if one.n <= 0:
            continue
        if (one.second, one.first) in merged:
            pair, won = (one.second, one.first), one.n - one.wins
        else:
            pair, won = (one.first, one.second), one.wins
        wins, n = merged.get(pair, (0.0, 0.0))
        merged[pair] = (wins + won, n + one.n)
    return merged


def _check_joined(
    players: Sequence[str], merged: Mapping[tuple[str, str], object], reference: str
) -> None:
    reached, before = {reference}, 0
    while len(reached) > before:
        before = len(reached)
        for pair in merged:
            if reached & set(pair):
                reached |= set(pair)
    if apart := [name for name in players if name not in reached]:
        raise ValueError(f"{apart} were never compared with what {reference} was compared with")
