"""The sweep over strengths: each guarded metric's distance from its limit, and where it passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from slora_assets.documents import ScaleSweep, SweptScale
from slora_assets.reports.charts.marks import Chart, Plot, spanning
from slora_assets.validation.metrics.naming import metric_of


def by_speed(sweep: ScaleSweep) -> dict[str, list[SweptScale]]:
    """The strengths of each speed preset, rising."""
    ordered = sorted(sweep.scales, key=lambda one: (one.speed, one.scale))
    return {speed: [*found] for speed, found in groupby(ordered, key=lambda one: one.speed)}


def passing(scales: Sequence[SweptScale]) -> list[tuple[float, float]]:
    """Ranges of neighbouring strengths that pass, least and most of each."""
    found: list[tuple[float, float]] = []
    for passes, group in groupby(scales, key=lambda one: one.answer == "pass"):
        if passes:
            strengths = [one.scale for one in group]
            found.append((strengths[0], strengths[-1]))
    return found


def sweep_charts(scales: Sequence[SweptScale], served: float | None) -> list[Chart]:
    """A chart per guarded metric, over the strengths of one speed preset; none over one alone."""
    if len(scales) < 2:
        return []
    names = dict.fromkeys(name for one in scales for name in one.metrics)
    return [_chart(name, scales, served) for name in names]


def _chart(name: str, scales: Sequence[SweptScale], served: float | None) -> Chart:
    lower = [(one.scale, _above_limit(one, name, "lower")) for one in scales]
    mean = [(one.scale, _above_limit(one, name, "mean_delta")) for one in scales]
    strengths = [one.scale for one in scales]
    beside = [] if served is None else [served]
    plot = Plot(
        spanning([*strengths, *beside]),
        spanning([0.0, *(y for _, y in lower), *(y for _, y in mean)], 0.1),
    )
    nearest = min((b - a for a, b in pairwise(strengths)), default=0.1)
    for left, right in passing(scales):
        start, end = left - nearest / 2, right + nearest / 2
        plot.shade("passes", max(start, plot.x[0]), min(end, plot.x[1]))
    plot.grid("strength", strengths if len(strengths) <= 8 else None)
    plot.across_line("limit", 0.0)
    if served is not None:
        plot.up_line("zero", served)
    plot.line("faint adapter", mean)
    plot.line("adapter", lower)
    plot.dots("dot adapter", lower)
    return plot.chart(metric_of(name).label, _described(lower))


def _above_limit(one: SweptScale, name: str, of: str) -> float | None:
    """By how much a value of a strength lies above the metric's limit."""
    found = one.metrics.get(name)
    values: Mapping[str, float | None] = (
        {} if found is None else {"lower": found.lower, "mean_delta": found.mean_delta}
    )
    value = values.get(of)
    return None if value is None or found is None else value + found.margin


def _described(points: Sequence[tuple[float, float | None]]) -> str:
    told = (f"{x:g}: {'not measured' if y is None else f'{y:+.4g}'}" for x, y in points)
    return f"Lower bound above the limit by strength: {', '.join(told)}."
