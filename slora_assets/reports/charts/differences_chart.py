"""How the paired differences of a guarded metric lie: a dot per clip, mean, bounds and limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from slora_assets.reports.charts.marks import Chart, Plot, short, spanning
from slora_assets.reports.metrics import GuardRow

_HEIGHT, _BOUNDS_AT, _DOTS_AT, _DOT, _MOST_HIGH = 150, 26, 100, 3.0, 60.0


def differences_chart(row: GuardRow, differences: Sequence[float]) -> Chart:
    """Dots are stacked where they would lie on each other."""
    found = row.found
    values = [*differences, row.limit, 0.0, found.lower, found.upper, found.mean_delta]
    plot = Plot(spanning(values), (0, 1), _HEIGHT)
    plot.grid("worse ←  difference to what it is held against  → better", y_axis=False)
    plot.up_line("zero", 0.0)
    plot.up_line("limit", row.limit)
    for place in _stacked([plot.across(value) for value in differences]):
        plot.dot("dot adapter", place, _DOT)
    if found.lower is not None and found.upper is not None:
        ends = plot.across(found.lower), plot.across(found.upper)
        plot.segment("bounds", (ends[0], _BOUNDS_AT), (ends[1], _BOUNDS_AT))
        for end in ends:
            plot.segment("bounds", (end, _BOUNDS_AT - 5), (end, _BOUNDS_AT + 5))
    if found.mean_delta is not None:
        plot.dot("mean", (plot.across(found.mean_delta), _BOUNDS_AT), 4.5)
    told = _told(row, len(differences))
    return plot.chart(f"{row.metric.label}: {row.state_text}", told, told)


def _told(row: GuardRow, clips: int) -> str:
    found = row.found
    told = f"{clips} clips. Limit {short(row.limit, 3)}"
    if found.mean_delta is not None:
        told += f", mean {short(found.mean_delta, 3)}"
    if found.lower is not None and found.upper is not None:
        told += f", bounds {short(found.lower, 3)} to {short(found.upper, 3)}"
    return f"{told}."


def _stacked(places: Sequence[float]) -> list[tuple[float, float]]:
    """Places of dots from left to right: in columns of a dot's width, one above the other."""
    columns = Counter[int]()
    counts = Counter(map(_column, places))
    step = min(2 * _DOT, _MOST_HIGH / max(counts.values(), default=1))
    found = []
    for place in places:
        column = _column(place)
        found.append((place, _DOTS_AT - step * columns[column]))
        columns[column] += 1
    return found


def _column(place: float) -> int:
    return int(place // (2 * _DOT))
