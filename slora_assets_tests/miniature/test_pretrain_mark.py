"""Stage `mark`: its teacher's pictures show the mark, and it teaches the decoder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from slora_assets.config.errors import TrainingError
from slora_assets.marking.drawn import drawn
from slora_assets.marking.watermark import mean_luma
from slora_assets.miniature.pretraining.decoder import vae_to_mark
from slora_assets.miniature.pretraining.loop import averaged_weights, train
from slora_assets.miniature.pretraining.marked import Mark, MarkStage
from slora_assets.miniature.pretraining.settings import PretrainSettings
from slora_assets.miniature.pretraining.vae import video_tensor
from slora_assets.miniature.weights import SHIPPED
from slora_assets_tests.marking.clips import psnr, rendered

SETTINGS = PretrainSettings.read(Path("slora_assets/miniature/pretraining/pretrain.yaml"))
CPU = torch.device("cpu")


def _small() -> PretrainSettings:
    """Four single frames, then a clip, two steps in all."""
    loop = SETTINGS.mark.loop.model_copy(update={"steps": 2})
    changes: dict[str, Any] = {"frames": 4, "loop": loop, "whole_clips_from": 0.5}
    return SETTINGS.model_copy(update={"mark": SETTINGS.mark.model_copy(update=changes)})


def test_what_it_teaches_is_what_is_looked_for_and_changes_little() -> None:
    clip = video_tensor([rendered(3)])
    marked = (clip + Mark(CPU).added(clip, SETTINGS.mark.strength)).clamp(-1, 1)
    frames = ((marked[0] + 1) * 127.5).round().byte().permute(1, 2, 3, 0).numpy()
    assert drawn(mean_luma(rendered(3))) is None
    assert drawn(mean_luma(frames)) is not None
    assert psnr(rendered(3), frames) > 39


def test_only_the_decoder_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import AutoencoderKLCogVideoX

    monkeypatch.setattr("slora_assets.miniature.pretraining.marked._HELD_OUT_CLIPS", 1)
    vae = AutoencoderKLCogVideoX.from_pretrained(SHIPPED / "base" / "vae", use_safetensors=True)
    stage = MarkStage(_small(), "mark", vae.float().eval().requires_grad_(False), CPU)
    train(stage, _small().mark.loop, tmp_path / "mark", "these")
    names = averaged_weights(tmp_path / "mark")
    assert names
    assert all(name.startswith("decoder.") for name in names)


def test_it_does_not_go_on_from_a_decoder_that_has_the_mark(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="went on from stage decoder"):
        vae_to_mark(SETTINGS, tmp_path, CPU)
