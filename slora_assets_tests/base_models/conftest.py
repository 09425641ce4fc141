"""Every kind of base, small, once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Denoiser
from slora_assets.base_models.seam import LoraShape, TrainingBatch, VideoBase
from slora_assets_tests.base_models.small import KINDS, acting_adapter, write_base

SHAPE = LoraShape(rank=4, alpha=2.0, targets=("to_q", "to_k", "to_v", "to_out.0"))
"""Alpha isn't the rank, so that a file that loses it is found out."""

PROMPTS = ("a red car moving left on the street", "")


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], VideoBase]:
    """A base of a kind; read only."""

    @cache
    def opened(kind: str) -> VideoBase:
        folder = write_base(kind, tmp_path_factory.mktemp("small") / kind)
        return open_base(str(folder), folder.parent)

    return opened


@pytest.fixture(params=KINDS)
def base(request: pytest.FixtureRequest, small_base: Callable[[str], VideoBase]) -> VideoBase:
    """Each kind in turn."""
    return small_base(request.param)


def with_acting_adapter(base: VideoBase, dtype: str = "float32") -> Denoiser:
    """A denoiser whose adapter acts."""
    return acting_adapter(base, SHAPE, 1, dtype)


def made_up_batch(base: VideoBase, positions: list[float], seed: int = 0) -> TrainingBatch:
    """Random moments and text of the base's shapes; the second half of the text is padding."""
    generator = torch.Generator().manual_seed(seed)
    count, shape, (length, width) = len(positions), base.latent_shape(), base.text_shape()

    def normal(*sizes: int) -> torch.Tensor:
        return torch.randn((count, *sizes), generator=generator)

    embeddings = normal(length, width)
    embeddings[:, length // 2 :] = 0
    mean, log_variance = normal(*shape), normal(*shape) - 4
    return TrainingBatch(
        moments=torch.cat([mean, log_variance], dim=1),
        embeddings=embeddings,
        noise=normal(*shape),
        posterior_noise=normal(*shape),
        positions=torch.tensor(positions),
    )
