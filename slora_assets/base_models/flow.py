"""Flow matching as Wan and LTX-Video are trained: straight paths from clip to noise, logit-normal
timesteps shifted towards noise, mean squared error on the velocity `noise - clip`.

SD3 paper (arXiv:2403.03206, sections 3.1 and 5.3.2); Wan (arXiv:2503.20314) and LTX-Video
(arXiv:2501.00103) take it over.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slora_assets.base_models.diffusers_base import DiffusersBase
from slora_assets.base_models.loss_terms import mean_squared_error, posterior_sample
from slora_assets.base_models.parts import Predictor
from slora_assets.base_models.seam import TrainingBatch
from slora_assets.documents import BaseIdentity, Geometry, InferenceDefaults

if TYPE_CHECKING:
    import torch

_POSITION_MARGIN = 1e-4
"""Positions stay this far from 0 and 1, where the normal distribution's quantiles are infinite."""


def shifted_logit_normal(positions: torch.Tensor, log_shift: float) -> torch.Tensor:
    """Noise levels in (0, 1) at quantiles `positions` [B] of the shifted logit-normal distribution.

    Shifting t to s * t / (1 + (s - 1) * t) is adding log(s) to its logit.
    """
    import torch

    inside = positions.clamp(_POSITION_MARGIN, 1 - _POSITION_MARGIN)
    return torch.sigmoid(torch.special.ndtri(inside) + log_shift)


def path_and_velocity(
    clean: torch.Tensor, noise: torch.Tensor, sigmas: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The point at noise level `sigmas` [B] of the straight path, and the path's velocity."""
    sigmas = sigmas.reshape(-1, *[1] * (clean.ndim - 1))
    return (1 - sigmas) * clean + sigmas * noise, noise - clean


class FlowMatchingBase(DiffusersBase):
    """A base whose denoiser predicts the velocity at a noise level."""

    def __init__(
        self,
        folder: Path,
        identity: BaseIdentity,
        geometry: Geometry,
        inference: InferenceDefaults,
    ) -> None:
        super().__init__(folder, identity, geometry, inference)
        # Once per device: a copy from the host in each step would make the accelerator wait.
        self._statistics_on = cache(self._load_statistics)

    def training_loss(self, transformer: Predictor, batch: TrainingBatch) -> torch.Tensor:
        mean, deviation = self._statistics_on(str(batch.moments.device))
        clean = (posterior_sample(batch) - mean) / deviation
        sigmas = shifted_logit_normal(batch.positions, self._log_shift(clean.shape))
        noisy, velocity = path_and_velocity(clean, batch.noise, sigmas)
        timesteps = sigmas * self._config("scheduler").get("num_train_timesteps", 1000)
        predicted = self._predict(transformer, noisy, timesteps, batch.embeddings)
        return mean_squared_error(predicted, velocity)

    def _load_statistics(self, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        mean, deviation = (
            torch.tensor(values, dtype=torch.float32, device=device).reshape(1, -1, 1, 1, 1)
            for values in self._latent_statistics()
        )
        return mean, deviation

    @abstractmethod
    def _latent_statistics(self) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and deviation of the VAE's samples, a number per channel; the denoiser sees samples
        with both taken out."""

    @abstractmethod
    def _log_shift(self, shape: Sequence[int]) -> float:
        """Logarithm of the timestep shift for latents of shape [B, C, F, H, W]."""

    @abstractmethod
    def _predict(
        self,
        transformer: Predictor,
        noisy: torch.Tensor,
        timesteps: torch.Tensor,
        embeddings: torch.Tensor,
    ) -> torch.Tensor:
        """Velocity [B, C, F, H, W] at `timesteps` [B] in [0, 1000]."""
