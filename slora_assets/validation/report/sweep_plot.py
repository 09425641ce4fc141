"""A sweep as a picture: each guarded metric over the adapter's strength."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slora_assets.documents import DEFAULT_SPEED, ScaleSweep, SweptScale
from slora_assets.provenance import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PASSED, _OTHER = "#2b7a3f", "#b3541e"
_WIDTH: Final = 2.6
"""Inches of one metric's axes."""


def write_sweep_plot(path: Path, sweep: ScaleSweep) -> None:
    """Draw a PNG: the adapter's mean at each strength, filled where the gate let it through, beside
    the base's, which is strength 0, and the footage's. The same sweep gives the same picture."""
    from matplotlib.figure import Figure

    rows = [row for row in sweep.scales if row.speed == DEFAULT_SPEED]
    metrics = list(rows[0].metrics)
    figure = Figure(figsize=(_WIDTH * len(metrics), 2.6), layout="constrained")
    for axes, metric in zip(
        figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True
    ):
        _draw(axes, metric, rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _draw(axes: Axes, metric: str, rows: list[SweptScale]) -> None:
    found = [(row.scale, row.metrics[metric].adapter, row.answer) for row in rows]
    points = [(scale, value, answer) for scale, value, answer in found if value is not None]
    base, footage = rows[-1].metrics[metric].base, rows[-1].metrics[metric].footage
    line = [(0.0, base)] if base is not None else []
    line += [(scale, value) for scale, value, _ in points]
    axes.plot([scale for scale, _ in line], [value for _, value in line], color="grey", lw=1)
    for scale, value, answer in points:
        passed = answer == "pass"
        colour = _PASSED if passed else _OTHER
        axes.plot([scale], [value], "o", color=colour, mfc=colour if passed else "white")
    if footage is not None:
        axes.axhline(footage, color="black", ls=":", lw=1)
    axes.set_title(metric, fontsize=9)
    axes.set_xlabel("strength", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
