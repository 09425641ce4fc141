"""Rows of the gate's benchmarks: what each kind of adapter scores, and why it fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Final

from slora_assets.documents import GateDecision

METRICS: Final = ("clip_similarity", "scenario_margin", "steadiness", "motion_jitter")
METRICS_SHOWN: Final = (*METRICS, "motion_speed")


def reasons(decisions: Sequence[GateDecision]) -> str:
    """The commonest reasons of decisions that are no pass, without their figures."""
    failing = [one for one in decisions if one.answer != "pass"]
    if not failing:
        return ""
    found = Counter(kind for one in failing for kind in dict.fromkeys(map(short, one.reasons)))
    return "; ".join(f"{kind} ({n / len(failing):.0%})" for kind, n in found.most_common(3))


def short(reason: str) -> str:
    """A reason's first words."""
    return re.split(r" (?:reach|the base's|the footage's|what is|\d+%)|[:,]", reason)[0].rstrip(".")


def print_scores(
    name: str,
    scores: Sequence[Mapping[str, float | None]],
    share: str = "",
    target: str = "",
    why: str = "",
    *,
    missed: bool = False,
) -> None:
    """A row: mean and standard deviation over clips of each guarded metric."""
    cells = []
    for metric in METRICS_SHOWN:
        values = [value for one in scores if (value := one.get(metric)) is not None]
        cells.append(f"{fmean(values):.4f} ± {stdev(values):.4f}" if len(values) > 1 else "none")
    mark = " <- missed" if missed else ""
    print(f"| {name} | {share} | {target} | {why} | " + " | ".join(cells) + f" |{mark}", flush=True)
