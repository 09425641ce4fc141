"""A chart: marks with places in a frame with axes. Pure; equal numbers give equal marks.

Charts are narrow, so that their text stays readable where the page is: a wide page shows several
in a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

WIDTH: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 34

Tag = Literal["line", "circle", "path", "rect", "text"]


@dataclass(frozen=True)
class Mark:
    """One element of SVG."""

    tag: Tag
    css: str
    at: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, drawn."""

    title: str
    description: str
    """What it shows, for who doesn't see it."""
    height: int
    marks: Sequence[Mark]
    note: str = ""
    """What the marks are, below it."""
    width: int = WIDTH


@dataclass
class Plot:
    """A frame with two linear axes, in which marks are placed by value."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = 190
    marks: list[Mark] = field(default_factory=list)

    def across(self, value: float) -> float:
        """Where a value lies from left to right."""
        return _LEFT + _share(value, self.x) * (WIDTH - _LEFT - _RIGHT)

    def down(self, value: float) -> float:
        """Where a value lies from top to bottom."""
        return self.height - _BOTTOM - _share(value, self.y) * (self.height - _TOP - _BOTTOM)

    def grid(
        self, label: str, x_values: Sequence[float] | None = None, y_axis: bool = True
    ) -> None:
        """Lines and numbers of both axes; `label` stands under the lower one."""
        bottom = self.height - _BOTTOM
        y_values = ticks(*self.y) if y_axis else []
        for value, text in zip(y_values, tick_texts(y_values), strict=True):
            place = self.down(value)
            self.segment("grid", (_LEFT, place), (WIDTH - _RIGHT, place))
            self.write("tick end", (_LEFT - 6, place + 4), text)
        x_values = ticks(*self.x) if x_values is None else x_values
        for value, text in zip(x_values, tick_texts(x_values), strict=True):
            place = self.across(value)
            self.segment("grid", (place, bottom), (place, bottom + 4))
            self.write("tick middle", (place, bottom + 16), text)
        self.segment("axis", (_LEFT, bottom), (WIDTH - _RIGHT, bottom))
        self.write("axis-label middle", ((_LEFT + WIDTH - _RIGHT) / 2, self.height - 4), label)

    def line(self, css: str, points: Iterable[tuple[float, float | None]]) -> None:
        """A line through points, broken where there is no value."""
        steps, pen = [], "M"
        for x, y in points:
            if y is None:
                pen = "M"
                continue
            steps.append(f"{pen}{_at(self.across(x))} {_at(self.down(y))}")
            pen = "L"
        if steps:
            self.marks.append(Mark("path", f"series {css}", {"d": "".join(steps)}))

    def dots(
        self, css: str, points: Iterable[tuple[float, float | None]], radius: float = 3
    ) -> None:
        """A dot per point that has a value."""
        for x, y in points:
            if y is not None:
                self.dot(css, (self.across(x), self.down(y)), radius)

    def across_line(self, css: str, y: float) -> None:
        """A line at one value from side to side."""
        self.segment(css, (_LEFT, self.down(y)), (WIDTH - _RIGHT, self.down(y)))

    def up_line(self, css: str, x: float) -> None:
        """A line at one value from top to bottom."""
        self.segment(css, (self.across(x), _TOP), (self.across(x), self.height - _BOTTOM))

    def shade(self, css: str, left: float, right: float) -> None:
        """A band between two values."""
        start = self.across(left)
        self.marks.append(
            Mark(
                "rect",
                css,
                {
                    "x": _at(start),
                    "y": _at(_TOP),
                    "width": _at(self.across(right) - start),
                    "height": _at(self.height - _TOP - _BOTTOM),
                },
            )
        )

    def segment(self, css: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A line between two places."""
        places = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
        self.marks.append(Mark("line", css, {key: _at(value) for key, value in places.items()}))

    def dot(self, css: str, place: tuple[float, float], radius: float) -> None:
        """A dot at a place."""
        at = {"cx": _at(place[0]), "cy": _at(place[1]), "r": _at(radius)}
        self.marks.append(Mark("circle", css, at))

    def write(self, css: str, place: tuple[float, float], text: str) -> None:
        """Text at a place."""
        self.marks.append(Mark("text", css, {"x": _at(place[0]), "y": _at(place[1])}, text))

    def chart(self, title: str, description: str, note: str = "") -> Chart:
        """What was drawn so far."""
        return Chart(title, description, self.height, tuple(self.marks), note)


def spanning(values: Iterable[float | None], margin: float = 0.06) -> tuple[float, float]:
    """The range of what is finite, with some air; never empty."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    least, most = min(known), max(known)
    air = (most - least) * margin or abs(most) * 0.1 or 1.0
    return least - air, most + air


def ticks(least: float, most: float, about: int = 4) -> list[float]:
    """Round numbers in a range, some four of them."""
    step = 10 ** math.floor(math.log10((most - least) / about))
    step = next(step * by for by in (1, 2, 2.5, 5, 10) if (most - least) / (step * by) <= about + 1)
    first, last = math.ceil(least / step - 1e-9), math.floor(most / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Numbers of an axis, with as many digits as tell them apart."""
    for digits in range(4, 12):
        texts = [short(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def short(value: float, digits: int = 4) -> str:
    """A number as an axis shows it."""
    return f"{value:.{digits}g}".replace("-", "−")


def _share(value: float, span: tuple[float, float]) -> float:
    return (value - span[0]) / (span[1] - span[0])


def _at(value: float) -> str:
    """A place to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
