"""Says what a clip shows from its pixels alone: subject, colour, direction of motion.

The judge of generated clips. It knows the drawings' colours and outlines, and nothing of any model,
latent or embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slora_assets.miniature.rules.patches import direction_of, moved_area, moving_patches
from slora_assets.miniature.rules.subject_rule import subject_of
from slora_assets.miniature.scenes.canvas import Pixels
from slora_assets.miniature.scenes.figures import COLOUR_VALUES

_LEAST_AREA: Final = 0.004
"""Smallest subject, as a share of the picture."""


@dataclass(frozen=True)
class Seen:
    """What a rule over pixels recognises in a clip; None where nothing moves."""

    subject: str | None
    colour: str | None
    direction: str | None


def look_at(frames: Pixels) -> Seen:
    """Judge a clip of [F, H, W, 3] RGB bytes by the patch of a known colour that moves most."""
    tracks = {colour: moving_patches(frames, colour) for colour in COLOUR_VALUES}
    moved = {colour: moved_area(masks) for colour, masks in tracks.items()}
    colour = max(moved, key=lambda name: moved[name])
    if moved[colour] < _LEAST_AREA * frames.shape[1] * frames.shape[2]:
        return Seen(None, None, None)
    masks = tracks[colour]
    direction = direction_of(masks)
    return Seen(subject_of(frames, masks, colour, direction), colour, direction)
