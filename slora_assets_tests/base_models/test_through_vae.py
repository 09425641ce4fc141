"""What a base could draw of a clip at best: encoded and decoded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_footage
from slora_assets_tests.base_models.small import LTX_0_9_1, write_base


def _noise(base: VideoBase) -> NDArray[np.uint8]:
    g = base.geometry
    random = np.random.default_rng(0)
    return random.integers(0, 255, (g.frames, g.height, g.width, 3), dtype=np.uint8)


def test_a_clip_comes_back_in_its_shape_and_the_same_every_time(base: VideoBase) -> None:
    frames = _noise(base)
    before = frames.copy()
    found, again = (base.through_vae(base.load_vae("cpu"), frames) for _ in range(2))
    assert (found.shape, found.dtype) == (frames.shape, np.uint8)
    assert np.array_equal(found, again)
    assert np.array_equal(frames, before), "what went in is left as it was"


def test_a_vae_that_denoises_while_it_decodes_is_told_how_far(tmp_path: Path) -> None:
    base = open_base(str(write_base(LTX_0_9_1, tmp_path / LTX_0_9_1)), tmp_path)
    frames = _noise(base)
    found = base.through_vae(base.load_vae("cpu"), frames)
    assert (found.shape, found.dtype) == (frames.shape, np.uint8)


@pytest.mark.parametrize("number", [0, 30, 60, 90])
def test_the_shipped_miniature_gives_a_rendered_clip_back_almost_as_it_was(number: int) -> None:
    base = open_base(MINIATURE, Path())
    g = base.geometry
    plan = plan_footage(seed=0, clips_per_scenario=24, others=0)[number]
    frames = small_frames(plan, 0, [i / g.fps for i in range(g.frames)])
    assert frames.shape == (g.frames, g.height, g.width, 3)
    found = base.through_vae(base.load_vae("cpu"), frames)
    error = np.square(found.astype(np.float64) - frames).mean()
    assert 10 * np.log10(255**2 / error) > 20
