"""The look rule recognises each scenario's rendered places and hardly anything else."""

from __future__ import annotations

import pytest

from slora_assets.miniature.rules.look_rules import look_of
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip

TIMES_S = (0.0, 0.5, 1.0)


@pytest.mark.parametrize("place", LOOKS)
def test_recognises_its_own_places(place: str) -> None:
    clips = [small_frames(plan_clip(5, at, place, at), 5, TIMES_S) for at in range(20)]
    assert sum(look_of(clip) == place for clip in clips) >= 19


@pytest.mark.parametrize("place", OTHER_LOOKS)
def test_other_places_are_no_scenario(place: str) -> None:
    clips = [small_frames(plan_clip(5, at, place, at), 5, TIMES_S) for at in range(10)]
    assert {look_of(clip) for clip in clips} == {None}


def test_pretraining_footage_has_none_of_the_looks() -> None:
    clips = [generic_clip(5, at, GenericSettings()).frames for at in range(100)]
    assert sum(look_of(clip) is not None for clip in clips) <= 3
