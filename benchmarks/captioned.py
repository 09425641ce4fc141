"""Clips of the sample footage, told as carelessly as people do, and where each truly is.

Nothing is rendered: a clip's place is known from its plan. What makes keywords err is mixed in:
some captions don't name the place, or only by words that no rule has; half of the clips show
something of another scenario ("a poster of a street" in the kitchen); some are of somebody who
belongs elsewhere, or told with a keyword in another sense ("the camera starts to pan"); and where
no scenario is, a keyword may fit all the same ("along a snowy road").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from slora_assets.miniature.scenes.captions import PLACES, generic_caption
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.sample_plan import ClipPlan, plan_footage

CAPTIONS: Final = (3, 5, 20)
"""How many a clip has, each as often: as in Charades, and as in MSR-VTT."""

_UNNAMED: Final[dict[str, tuple[str, ...]]] = {
    "market_floor": ("among the shoppers", "past crates of fruit", "between the awnings"),
    "kitchen": ("beside the sink", "past the oven", "over the counter", "where someone cooks"),
    "street": ("past parked cars", "between tall buildings", "in the city", "past the sidewalk"),
    "sports_field": ("in front of the goal", "on the grass", "during the match", "in the game"),
    "stage": ("before an audience", "in front of the curtain", "during the show"),
    "sea": ("past the waves", "in the bay"),
    "sky": ("in the wind", "far up"),
    "snow": ("along a snowy road", "in the cold", "across a white field"),
    "desert": ("along an empty road", "under the sun"),
    "garden": ("across a field of flowers", "past the playing field", "in the shade"),
}
"""What captions say of a place without naming it; where no scenario is, keywords may be in it."""

_BELONGINGS: Final[dict[str, tuple[str, ...]]] = {
    "market_floor": ("a market", "a fruit stall", "a bazaar", "a vendor with a cart"),
    "kitchen": ("a kitchen", "a chef", "a frying pan", "somebody cooking", "a stove"),
    "street": ("a street", "a busy road", "heavy traffic", "a crosswalk", "a car"),
    "sports_field": ("a stadium", "a football player", "a soccer field", "a football", "a game"),
    "stage": ("a concert", "a dancer", "a stage", "somebody dancing", "a spotlight"),
}
_SHOWN: Final = (
    "with a poster of {} on the wall",
    "while a television shows {}",
    "with {} printed on the clothes",
    "not far from {}",
    "as someone speaks of {}",
)
_OTHER_SENSES: Final[dict[str, tuple[str, ...]]] = {
    "market_floor": ("as the news is about the stock market", "near the supermarket"),
    "kitchen": ("as the camera starts to pan", "while the camera pans"),
    "street": ("as music of a street band plays", "with a road map in hand"),
    "sports_field": ("to music from a cd player", "at a high pitch", "in a field of its own"),
    "stage": ("at an early stage of the video", "in the last stage"),
}
_GUESTS: Final = 0.15
"""Share of clips whose captions speak of somebody who belongs to another scenario."""
_SHOWS_ANOTHER: Final = 0.5
"""Share of clips that show something of another scenario."""
_OTHER_SENSE: Final = 0.25
"""Share of clips told with a keyword in another sense."""


@dataclass(frozen=True)
class Told:
    """A clip with what people say of it."""

    plan: ClipPlan
    """With these captions in place of its own."""

    @property
    def scenario(self) -> str | None:
        """Where it truly is; None where that is no scenario."""
        return self.plan.place if self.plan.place in LOOKS else None


def told_clips(seed: int, clips_per_scenario: int, others: int) -> list[Told]:
    """The sample footage of a seed, told anew; always the same."""
    plans = plan_footage(seed, clips_per_scenario, others)
    return [Told(replace(plan, captions=tuple(_captions(seed, plan)))) for plan in plans]


def _captions(seed: int, plan: ClipPlan) -> Iterator[str]:
    """What is in the picture is seen by several of those who describe it, not by all."""
    rng = np.random.default_rng([seed, 6, plan.number])
    others = [place for place in LOOKS if place != plan.place]
    actor, own = plan.actors[0], True
    if rng.random() < _GUESTS:
        lanes = LOOKS[str(rng.choice(others))].lanes
        actor, own = replace(actor, subject=lanes[0].subject), False
    named = float(rng.beta(2, 1.5))
    shows = float(rng.beta(1.5, 3)) * (rng.random() < _SHOWS_ANOTHER)
    other = str(rng.choice(others))
    belonging = str(rng.choice(_BELONGINGS[other]))
    sense = float(rng.beta(1.5, 3)) * (rng.random() < _OTHER_SENSE)
    kind = str(rng.choice(list(_OTHER_SENSES)))
    for number in range(int(rng.choice(CAPTIONS))):
        if own and rng.random() < named / 2:
            caption = plan.captions[number]
        else:
            caption = generic_caption(rng, [actor], "plain")
            ends = PLACES[plan.place].placed if rng.random() < named else _UNNAMED[plan.place]
            caption += f" {rng.choice(ends)}"
        if rng.random() < shows:
            caption += f" {str(rng.choice(_SHOWN)).format(belonging)}"
        if rng.random() < sense:
            caption += f" {rng.choice(_OTHER_SENSES[kind])}"
        yield caption
