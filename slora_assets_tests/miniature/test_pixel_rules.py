"""The pixel rule recognises true clips, and sees nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from slora_assets.miniature.rules.patches import Mask, moving_patches
from slora_assets.miniature.rules.pixel_rules import Seen, look_at
from slora_assets.miniature.rules.subject_rule import subject_of
from slora_assets.miniature.scenes.canvas import RGB, box, disc
from slora_assets.miniature.scenes.figures import FIGURES, Part
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip

PLAIN = GenericSettings(vivid=0.0, clutter=0.0, company=0.0)
SHAPES = {
    "ellipse": disc(0.0, 0.0, 0.45, 0.7),
    "box": box(-0.3, -0.4, 0.3, 0.4),
    "triangle": np.array([(-0.4, 0.4), (0.4, 0.4), (0.0, -0.4)]),
}


def upper_part(mask: Mask) -> Mask:
    """A patch without its lower two fifths, as where a figure's parts run apart."""
    rows = np.flatnonzero(mask.any(axis=1))
    kept = mask.copy()
    if len(rows):
        kept[rows[0] + round(0.6 * len(rows)) :] = False
    return kept


def test_recognises_nearly_all_rendered_clips() -> None:
    right = 0
    for index in range(32):
        clip = generic_clip(1, index, PLAIN)
        actor = clip.actors[0]
        right += look_at(clip.frames) == Seen(actor.subject, actor.colour, actor.direction)
    assert right >= 31


def test_part_of_a_subject_is_enough_to_find_it() -> None:
    right = 0
    for index in range(16):
        clip = generic_clip(4, index, PLAIN)
        actor = clip.actors[0]
        masks = [upper_part(mask) for mask in moving_patches(clip.frames, actor.colour)]
        right += subject_of(clip.frames, masks, actor.colour, actor.direction) == actor.subject
    assert right >= 15


@pytest.mark.parametrize("shape", SHAPES)
def test_plain_shapes_are_no_subject(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as drawn:
        for name in FIGURES:
            drawn.setitem(FIGURES, name, lambda colour, phase: in_one_colour(shape, colour))
        clips = [generic_clip(3, index, PLAIN).frames for index in range(8)]
    seen = [look_at(frames) for frames in clips]
    assert sum(one.direction is not None for one in seen) == len(clips)
    assert sum(one.subject is None for one in seen) >= len(clips) - 1


def in_one_colour(shape: str, colour: RGB) -> list[Part]:
    return [Part(SHAPES[shape], colour)]


def test_reversed_clips_move_the_other_way() -> None:
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for index in range(10):
        clip = generic_clip(1, index, PLAIN)
        forward, backward = look_at(clip.frames), look_at(clip.frames[::-1])
        if forward.direction is not None:
            assert backward.direction == opposite[forward.direction]


def test_frozen_and_empty_clips_show_no_motion() -> None:
    clip = generic_clip(1, 0, PLAIN)
    frozen = np.repeat(clip.frames[:1], 9, axis=0)
    assert look_at(frozen).direction is None
    assert look_at(np.full_like(clip.frames, 90)) == Seen(None, None, None)
