"""How training went: losses by step and by level of noise, scores by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from slora_assets.reports.charts.marks import Chart, Plot, spanning
from slora_assets.validation.metrics.naming import METRICS, metric_of

_SCORES: Final = (
    "combined",
    "clip_similarity",
    "scenario_margin",
    "temporal_consistency",
    "steadiness",
    "motion_jitter",
    "motion_speed",
)
Line = Mapping[str, Any]


def training_charts(epochs: Sequence[Line], steps: Sequence[Line], best: int) -> list[Chart]:
    """All of them; none that has nothing to show."""
    if not epochs:
        return []
    charts = [_losses(epochs, steps, best), _by_noise(epochs, best)]
    charts += [_score(name, epochs, best) for name in _SCORES]
    return [chart for chart in charts if chart is not None]


def _losses(epochs: Sequence[Line], steps: Sequence[Line], best: int) -> Chart:
    training = [(one["step"], one["loss"]) for one in steps]
    held_out = [(one["step"], one["held_out_loss"]) for one in epochs]
    drawn = [*training, *held_out]
    plot = Plot(spanning(x for x, _ in drawn), spanning(y for _, y in drawn))
    plot.grid("step")
    plot.line("faint muted", training)
    plot.line("adapter", held_out)
    plot.dots("dot adapter", held_out)
    plot.dots("best", [(o["step"], o["held_out_loss"]) for o in epochs if o["epoch"] == best], 6)
    told = ", ".join(f"epoch {one['epoch']} {one['held_out_loss']:.4g}" for one in epochs)
    return plot.chart(
        "Loss",
        f"Held-out loss: {told}.",
        "Thick: on held-out clips, after each epoch (at 0 the base). Thin: on training clips."
        " Ringed: the best epoch.",
    )


def _by_noise(epochs: Sequence[Line], best: int) -> Chart | None:
    lines = {
        one["epoch"]: sorted((float(key), value) for key, value in found.items())
        for one in epochs
        if (found := one.get("held_out_by_quantile"))
    }
    if not lines:
        return None
    points = [point for line in lines.values() for point in line]
    plot = Plot(spanning(x for x, _ in points), spanning(y for _, y in points))
    plot.grid("noise: quantile of the schedule")
    for epoch, line in lines.items():
        css = "base" if epoch == 0 else "adapter" if epoch == best else "faint adapter"
        plot.line(css, line)
    told = {0: "base", best: "best epoch"}
    return plot.chart(
        "Held-out loss by level of noise",
        "; ".join(
            f"{told[epoch]}: " + ", ".join(f"{x:g} {y:.4g}" for x, y in line)
            for epoch, line in lines.items()
            if epoch in told
        )
        + ".",
        f"Dashed: base. Thick: epoch {best}, the best. Thin: the other epochs.",
    )


def _score(name: str, epochs: Sequence[Line], best: int) -> Chart | None:
    values = [(one["epoch"], one.get(name)) for one in epochs]
    trained = [(x, y) for x, y in values if x > 0]
    if all(y is None for _, y in trained):
        return None
    base = next((y for x, y in values if x == 0), None)
    plot = Plot(spanning(x for x, _ in trained), spanning(y for _, y in values))
    plot.grid("epoch", [x for x, _ in trained] if len(trained) <= 12 else None)
    if base is not None:
        plot.across_line("base", base)
    plot.line("adapter", trained)
    plot.dots("dot adapter", trained)
    plot.dots("best", [(x, y) for x, y in trained if x == best], 6)
    metric = metric_of(name)
    told = ", ".join(f"{x}: {'none' if y is None else f'{y:.4g}'}" for x, y in values)
    way = "" if name not in METRICS else f" {metric.better.capitalize()} is better."
    return plot.chart(
        f"{metric.label} by epoch",
        f"By epoch, 0 is the base: {told}.",
        ("Dashed: base. " if base is not None else "") + f"Ringed: the best epoch.{way}",
    )
