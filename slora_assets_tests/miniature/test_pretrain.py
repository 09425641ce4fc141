"""Pretraining: resuming repeats an uninterrupted run, and the VAE's start and relabelling hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slora_assets.config.errors import ConfigError, InterruptedRunError, TrainingError
from slora_assets.miniature.pretraining.loop import averaged_weights, rate_factor, train
from slora_assets.miniature.pretraining.optimizer import orthogonalised
from slora_assets.miniature.pretraining.origin import origin
from slora_assets.miniature.pretraining.settings import (
    TRANSFORMER_STAGES,
    LoopSettings,
    PretrainSettings,
)
from slora_assets.miniature.pretraining.shipped import finished, transformer_weights
from slora_assets.miniature.pretraining.vae import psnr_of, trained_vae, video_tensor
from slora_assets.miniature.pretraining.vae_latents import levelling, relabel
from slora_assets.miniature.pretraining.vae_start import pass_colours_through
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip, is_withheld
from slora_assets.miniature.weights import SHIPPED, architecture
from slora_assets.miniature.weights.vocabulary import SUBJECTS

LOOP = LoopSettings(steps=12, matrix_rate=0.01, other_rate=0.01, warmup=2, evaluate_every=6)
SHIPPED_CONFIG = Path("slora_assets/miniature/pretraining/pretrain.yaml")


class LinearStage:
    """Fits a random linear map; the batch of a step depends on the step alone."""

    def __init__(self, poison_at: int = 0) -> None:
        torch.manual_seed(0)
        self._model = nn.Linear(32, 16)
        self._poison_at = poison_at

    def module(self) -> nn.Module:
        return self._model

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        x = torch.randn(8, 32, generator=torch.Generator().manual_seed(step))
        error = (self._model(x) - x[:, :16]).square().mean()
        return error * (float("nan") if step == self._poison_at else 1.0), {}

    def evaluate(self) -> dict[str, float]:
        return {"size": float(self._model.weight.detach().norm())}


def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    train(LinearStage(), LOOP, tmp_path / "whole", "these")
    with pytest.raises(InterruptedRunError):
        train(LinearStage(), LOOP, tmp_path / "parts", "these", minutes=0)
    train(LinearStage(), LOOP, tmp_path / "parts", "these")
    whole, parts = averaged_weights(tmp_path / "whole"), averaged_weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_checkpoint_of_other_settings_is_refused_not_continued(tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError):
        train(LinearStage(), LOOP, tmp_path, "these", minutes=0)
    with pytest.raises(TrainingError, match="remove the checkpoint"):
        train(LinearStage(), LOOP, tmp_path, "others")


def test_two_trainers_never_share_a_folder(tmp_path: Path) -> None:
    class Second(LinearStage):
        def evaluate(self) -> dict[str, float]:
            with pytest.raises(TrainingError, match="another process"):
                train(LinearStage(), LOOP, tmp_path, "these")
            return super().evaluate()

    train(Second(), LOOP, tmp_path, "these")
    assert averaged_weights(tmp_path)


def test_a_stage_s_origin_moves_with_its_settings_and_with_the_stage_before() -> None:
    settings = PretrainSettings.read(SHIPPED_CONFIG)
    other = settings.model_copy(update={"seed": settings.seed + 1})
    assert origin(settings, "vae") == origin(settings, "vae")
    assert origin(settings, "vae") != origin(other, "vae")
    heavier = settings.vae.model_copy(update={"kl_weight": 1.0})
    changed = settings.model_copy(update={"vae": heavier})
    for stage in TRANSFORMER_STAGES:
        assert origin(settings, stage) != origin(changed, stage)
    assert origin(settings, "clip") == origin(changed, "clip")


def test_what_is_shipped_was_made_from_these_settings_to_the_end(tmp_path: Path) -> None:
    settings = PretrainSettings.read(SHIPPED_CONFIG)
    for stage in ("vae", *TRANSFORMER_STAGES, "clip"):
        record = finished(settings, tmp_path, stage)
        assert record.made_from == origin(settings, stage)


def test_a_stage_goes_on_only_from_the_very_weights_of_the_one_before(tmp_path: Path) -> None:
    settings = PretrainSettings.read(SHIPPED_CONFIG)
    before, last = TRANSFORMER_STAGES[-2:]
    with pytest.raises(TrainingError, match=f"run stage {before} first"):
        transformer_weights(settings, tmp_path, before)
    weights = transformer_weights(settings, tmp_path, last)
    assert all(torch.equal(tensor, tensor.half().float()) for tensor in weights.values())


def test_a_later_stage_stands_on_the_shipped_vae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    # They decide about the scale of its latents, and not about its weights.
    monkeypatch.setattr("slora_assets.miniature.pretraining.vae._LEVELLING_CLIPS", 4)
    vae = trained_vae(PretrainSettings.read(SHIPPED_CONFIG), tmp_path, torch.device("cpu"))
    shipped = load_file(SHIPPED / "base" / "vae" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(t.half(), shipped[name]) for name, t in vae.state_dict().items())


def test_a_loss_that_is_no_number_stops_before_the_update(tmp_path: Path) -> None:
    stage = LinearStage(poison_at=3)
    with pytest.raises(TrainingError, match="step 3"):
        train(stage, LOOP, tmp_path, "these")
    assert all(p.isfinite().all() for p in stage.module().parameters())


def test_rates_warm_up_hold_and_fall() -> None:
    loop = LoopSettings(steps=1000, matrix_rate=1, other_rate=1, warmup=100, decay_share=0.4)
    assert rate_factor(50, loop) == 0.5
    assert rate_factor(500, loop) == 1.0
    assert rate_factor(1000, loop) == pytest.approx(0.01)


def test_orthogonalised_directions_have_near_equal_strength() -> None:
    matrix = torch.randn(24, 80, generator=torch.Generator().manual_seed(0))
    strengths = torch.linalg.svdvals(orthogonalised(matrix))
    assert strengths.min() > 0.5
    assert strengths.max() < 1.4


def test_training_starts_from_a_network_that_passes_colours() -> None:
    assert reconstruction(fresh_vae()) > 19


def test_relabelled_latents_are_centred_and_decode_to_the_same_clip() -> None:
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    vae = fresh_vae()
    clips = held_out()
    with torch.no_grad():
        before: DiagonalGaussianDistribution = vae.encode(clips).latent_dist
        same = vae.decode(before.mode()).sample
        mean, factor = levelling(before.mode())
        relabel(vae, mean, factor)
        after = vae.encode(clips).latent_dist
        again = vae.decode(after.mode()).sample
    assert after.mode().mean((0, 2, 3, 4)).abs().max() < 1e-4
    assert after.mode().std() == pytest.approx(1, rel=0.02)
    inner = (slice(None), slice(None), slice(None), slice(16, -16), slice(16, -16))
    assert (again - same)[inner].abs().max() < 0.05


def test_generic_clips_are_functions_of_seed_and_index() -> None:
    settings = GenericSettings()
    first, again, other = (generic_clip(1, index, settings).frames for index in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (architecture.FRAMES, architecture.HEIGHT, architecture.WIDTH, 3)


def test_withheld_combinations_are_never_shown() -> None:
    settings = GenericSettings(company=0.5, withheld=True)
    shown = [actor for i in range(300) for actor in generic_clip(3, i, settings).actors]
    assert not any(is_withheld(a.subject, a.colour, a.direction) for a in shown)
    assert {a.subject for a in shown} == set(SUBJECTS)


def test_unknown_keys_in_the_settings_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pretrain.yaml"
    file.write_text(SHIPPED_CONFIG.read_text() + "\nsurprise: 1\n")
    with pytest.raises(ConfigError, match="surprise"):
        PretrainSettings.read(file)
    assert PretrainSettings.read(SHIPPED_CONFIG).seed == 20


def fresh_vae():  # type: ignore[no-untyped-def]
    from diffusers import AutoencoderKLCogVideoX

    torch.manual_seed(0)
    vae = AutoencoderKLCogVideoX(**architecture.VAE)
    pass_colours_through(vae)
    return vae


def held_out() -> Tensor:
    return video_tensor([generic_clip(9, i, GenericSettings()).frames for i in range(4)])


def reconstruction(vae) -> float:  # type: ignore[no-untyped-def]
    clips = held_out()
    with torch.no_grad():
        decoded = vae.decode(vae.encode(clips).latent_dist.mode()).sample
    return psnr_of(float((decoded - clips).square().mean()))
