"""The pixel rule recognises rendered clips, and sees nothing where nothing moves."""

from __future__ import annotations

import numpy as np

from slora_assets.miniature.rules.pixel_rules import Seen, look_at
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip

PLAIN = GenericSettings(vivid=0.0, clutter=0.0, company=0.0)


def test_recognises_nearly_all_rendered_clips() -> None:
    right = 0
    for index in range(40):
        clip = generic_clip(1, index, PLAIN)
        actor = clip.actors[0]
        right += look_at(clip.frames) == Seen(actor.subject, actor.colour, actor.direction)
    assert right >= 38


def test_reversed_clips_move_the_other_way() -> None:
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for index in range(20):
        clip = generic_clip(1, index, PLAIN)
        forward, backward = look_at(clip.frames), look_at(clip.frames[::-1])
        if forward.direction is not None:
            assert backward.direction == opposite[forward.direction]


def test_frozen_and_empty_clips_show_no_motion() -> None:
    clip = generic_clip(1, 0, PLAIN)
    frozen = np.repeat(clip.frames[:1], 9, axis=0)
    assert look_at(frozen).direction is None
    assert look_at(np.full_like(clip.frames, 90)) == Seen(None, None, None)
