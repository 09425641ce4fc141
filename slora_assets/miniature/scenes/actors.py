"""Actors that move steadily over a painted background: what both kinds of footage are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from slora_assets.miniature.scenes.canvas import ASPECT, RGB, Canvas
from slora_assets.miniature.scenes.figures import COLOUR_VALUES, HALF_WIDTHS, draw

HEADINGS: Final[dict[str, tuple[float, float]]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
}


@dataclass(frozen=True)
class Actor:
    """A subject on its way; lengths in picture heights, times in seconds."""

    subject: str
    colour: str
    direction: str
    x: float
    y: float
    """Where its middle is at second 0."""
    speed: float
    size: float
    tint: RGB
    """The drawn colour: the named one, slightly varied."""
    phase: float = 0.0

    def position(self, time_s: float) -> tuple[float, float]:
        """The middle at a time; who leaves the picture comes back in on the other side."""
        across, down = HEADINGS[self.direction]
        reach_x, reach_y = self.size * HALF_WIDTHS[self.subject], self.size / 2
        return (
            _wrapped(self.x + across * self.speed * time_s, reach_x, ASPECT),
            _wrapped(self.y + down * self.speed * time_s, reach_y, 1.0),
        )

    def draw(self, canvas: Canvas, time_s: float) -> None:
        """Draw the actor as it is at a time."""
        x, y = self.position(time_s)
        draw(
            canvas,
            self.subject,
            self.tint,
            x=x,
            y=y,
            size=self.size,
            facing_left=self.direction == "left",
            phase=self.phase + 1.6 * time_s * (self.speed > 0),
        )


def tinted(rng: np.random.Generator, colour: str) -> RGB:
    """The named colour with a little variation of light."""
    red, green, blue = np.clip(COLOUR_VALUES[colour] + rng.normal(0, 7, 3), 0, 255)
    return (int(red), int(green), int(blue))


def _wrapped(value: float, reach: float, length: float) -> float:
    span = length + 2 * reach
    return (value + reach) % span - reach
