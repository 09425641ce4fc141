"""Stage `decoder`: it teaches the decoder alone, so latents stay valid, and its end is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from slora_assets.config.errors import InterruptedRunError
from slora_assets.miniature.pretraining.decoder import DecoderStage, with_tuned_decoder
from slora_assets.miniature.pretraining.loop import averaged_weights, train
from slora_assets.miniature.pretraining.origin import origin
from slora_assets.miniature.pretraining.settings import PretrainSettings
from slora_assets.miniature.pretraining.shipped import decoder_weights
from slora_assets.miniature.pretraining.vae import video_tensor
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.weights import SHIPPED

SETTINGS = PretrainSettings.read(Path("slora_assets/miniature/pretraining/pretrain.yaml"))
CPU = torch.device("cpu")


def shipped_vae() -> Any:
    from diffusers import AutoencoderKLCogVideoX

    vae = AutoencoderKLCogVideoX.from_pretrained(SHIPPED / "base" / "vae", use_safetensors=True)
    return vae.float().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage that was stopped after its first step: of one clip, with one held out, in the
    precision that any processor computes fast."""
    folder = tmp_path_factory.mktemp("pretrain")
    less = SETTINGS.decoder.model_copy(update={"batch": 1, "brain_float": False})
    small = SETTINGS.model_copy(update={"decoder": less})
    stage = DecoderStage(small, shipped_vae(), CPU)
    with pytest.raises(InterruptedRunError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("slora_assets.miniature.pretraining.decoder._HELD_OUT_CLIPS", 1)
        train(
            stage, SETTINGS.decoder.loop, folder / "decoder", origin(SETTINGS, "decoder"), minutes=0
        )
    return folder


def test_only_the_decoder_is_trained(checkpoints: Path) -> None:
    names = averaged_weights(checkpoints / "decoder")
    assert names
    assert all(name.startswith("decoder.") for name in names)


def test_a_tuned_decoder_changes_pictures_and_no_latent(checkpoints: Path) -> None:
    before: Any = shipped_vae()
    after: Any = shipped_vae()
    with_tuned_decoder(after, decoder_weights(SETTINGS, checkpoints, "decoder"))
    clip = video_tensor([generic_clip(9, 0, GenericSettings()).frames])
    with torch.no_grad():
        latents = before.encode(clip).latent_dist.mode()
        assert torch.equal(after.encode(clip).latent_dist.mode(), latents)
        assert not torch.equal(after.decode(latents).sample, before.decode(latents).sample)


def test_its_footage_is_fuller_than_the_vae_s() -> None:
    few, many = (GenericSettings(clutter=1.0, company=0.0, objects=objects) for objects in (1, 16))
    edges = [
        sum(
            int((abs(frames[:, 1:].astype(int) - frames[:, :-1]) > 40).sum())
            for index in range(12)
            for frames in [generic_clip(5, index, settings).frames[0]]
        )
        for settings in (few, many)
    ]
    assert edges[1] > 2 * edges[0]
